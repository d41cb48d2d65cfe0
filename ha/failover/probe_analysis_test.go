package failover_test

import (
	"testing"
	"time"
)

func TestOutageSince(t *testing.T) {
	start := time.Unix(1000, 0)
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	// flow is a probe a millisecond, answered but for those from..to.
	flow := func(n int, silent ...int) []probe {
		all := make([]probe, n)
		for i := range all {
			all[i] = probe{ms(i), true}
		}
		for i := 0; i+1 < len(silent); i += 2 {
			for j := silent[i]; j < silent[i+1]; j++ {
				all[j].answered = false
			}
		}
		return all
	}
	asleep := flow(1000)
	for i := 500; i < 530; i++ {
		asleep[i].sent = ms(530)
	}
	tests := []struct {
		name   string
		probes []probe
		want   outage
	}{
		{"nothing", flow(1000), outage{}},
		{"one", flow(1000, 600, 601), outage{gap: time.Millisecond, lost: 1}},
		{"a gap", flow(1000, 500, 540), outage{gap: 40 * time.Millisecond, lost: 40}},
		{"two gaps", flow(1000, 500, 510, 600, 630), outage{gap: 30 * time.Millisecond, lost: 40}},
		{"each second one", flow(1000, 510, 511, 512, 513, 514, 515), outage{gap: time.Millisecond, lost: 3}},
		{"long before", flow(1000, 100, 200), outage{}},
		{"on its way", flow(1000, 499, 501), outage{gap: 2 * time.Millisecond, lost: 2}},
		{"the prober slept", asleep, outage{slept: 30 * time.Millisecond}},
		{"for ever", flow(1000, 600, 1000), outage{gap: 399 * time.Millisecond, lost: 400}},
		{"never an answer", flow(1000, 0, 1000), outage{gap: 699 * time.Millisecond, lost: 700}},
		{"no probes", nil, outage{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := outageSince(tt.probes, ms(500)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestProberSeesOutage holds the prober to a way that is cut for some time.
func TestProberSeesOutage(t *testing.T) {
	b := newBed(t)
	own := b.nodes[0]
	p := startProber(t, own.host, port(serverAddress, serverPort))
	waitFor(t, "answers", func() bool { return p.answeredSince(time.Time{}) > 50 })
	cut := time.Now()
	b.server.Silence("eth0")
	time.Sleep(100 * time.Millisecond) // the length of the outage is what is measured
	b.server.Speak("eth0")
	out := time.Since(cut)
	waitFor(t, "answers again", func() bool { return p.answeredSince(cut.Add(out)) > 50 })
	got := outageSince(p.end(), cut)
	if got.gap < 90*time.Millisecond || got.lost < 50 {
		t.Errorf("%+v of %s", got, out)
	}
	if again := outageSince(p.end(), cut); again != got {
		t.Errorf("%+v once more, %+v before", again, got)
	}
}
