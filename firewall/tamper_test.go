package firewall

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/nft"
)

// TestTamperingInALoopIsToldOnce changes the table a thousand times before it
// is put back: status names the last who did, and the log does not grow with them.
func TestTamperingInALoopIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	f := &Firewall{running: &running{}, log: hclog.New(&hclog.LoggerOptions{Output: &log})}
	now := time.Unix(1_000_000, 0)
	f.tampered(nft.Event{Lost: true}, now)
	for pid := range 1000 {
		f.tampered(nft.Event{Process: "nft", PID: pid}, now)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines in the log:\n%.1000s", n, &log)
	}
	if told := f.faults[aboutTamper]; !strings.Contains(told, "(999)") {
		t.Errorf("status tells %q", told)
	}
	if want := now.Add(mendAfter); !f.mendAt.Equal(want) {
		t.Errorf("it is put back at %v, want %v", f.mendAt, want)
	}
}
