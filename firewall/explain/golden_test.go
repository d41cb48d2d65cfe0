package explain

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/report"
)

var update = flag.Bool("update", false, "write the golden files")

// Each golden file is the answers to the questions in the file beside it, a
// line each: a packet, perhaps with "at TIME" or "reply" before it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.packets")
	if err != nil || len(files) == 0 {
		t.Fatalf("questions: %v, %v", files, err)
	}
	x := New(office(t))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for q := range strings.Lines(string(data)) {
			q = strings.TrimSpace(q)
			out.WriteString("? " + q + "\n\n")
			for _, line := range Text(ask(t, x, q), 90) {
				out.WriteString(line + "\n")
			}
			out.WriteString("\n")
		}
		compare(t, strings.TrimSuffix(file, ".packets")+".golden", out.String())
	}
}

// ask answers a line of a question file.
func ask(t *testing.T, x *Explainer, q string) report.Explanation {
	t.Helper()
	at := monday
	if rest, ok := strings.CutPrefix(q, "at "); ok {
		word, packet, _ := strings.Cut(rest, " ")
		var err error
		if at, err = time.Parse(time.RFC3339, word); err != nil {
			t.Fatal(err)
		}
		q = packet
	}
	q, reply := strings.CutPrefix(q, "reply ")
	return x.Explain(packet(t, q), at, reply)
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}
