package web

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/ha/view"
)

// countedSync is a state in which every counter has a number of its own: its place.
func countedSync() view.Sync {
	s := view.Sync{State: view.SyncSending, Flows: 12_408, PeerFlows: 12_407, InFlight: 1, Lag: 200 * time.Microsecond}
	fields := reflect.ValueOf(&s.Stats).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetUint(uint64(i + 1))
	}
	return s
}

func TestMetrics(t *testing.T) {
	s := countedSync()
	w := ask(t, &fake{sync: &s}, "GET", "/v1/metrics", "")
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), w.Body.String()); diff != "" || w.Code != 200 {
		t.Errorf("%d -want +got:\n%s", w.Code, diff)
	}
	if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("type %q", got)
	}
}

// TestEveryCounterIsAMetric under its JSON name, as view.SyncStats promises.
func TestEveryCounterIsAMetric(t *testing.T) {
	s := countedSync()
	text := ask(t, &fake{sync: &s}, "GET", "/v1/metrics", "").Body.String()
	fields := reflect.TypeFor[view.SyncStats]()
	for i := range fields.NumField() {
		line := fmt.Sprintf("\nrempart_flowsync_%s_total %d\n", fields.Field(i).Tag.Get("json"), i+1)
		if strings.Count(text, line) != 1 {
			t.Errorf("want once:%s", line)
		}
	}
}

func TestCompleteIsAMetric(t *testing.T) {
	for _, c := range []struct {
		state view.SyncState
		why   string
		want  int
	}{
		{view.SyncComplete, "", 1}, {view.SyncSending, "", 1}, {view.SyncBoth, "", 1},
		{view.SyncSending, "the peer is not there", 0}, {view.SyncBoth, "the snapshot is under way", 0},
		{view.SyncIncomplete, "the snapshot is under way", 0}, {view.SyncIdle, "", 0}, {view.SyncOff, "", 0},
	} {
		w := ask(t, &fake{sync: &view.Sync{State: c.state, Why: c.why}}, "GET", "/v1/metrics", "")
		if line := fmt.Sprintf("\nrempart_flowsync_complete %d\n", c.want); !strings.Contains(w.Body.String(), line) {
			t.Errorf("%s %q: no line%s", c.state, c.why, line)
		}
	}
}

func TestMetricsWithoutPair(t *testing.T) {
	if w := ask(t, new(fake), "GET", "/v1/metrics", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := ask(t, &fake{err: errors.New("no")}, "GET", "/v1/metrics", ""); w.Code != 500 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
