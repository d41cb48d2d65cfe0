package firewall

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

// TestExplainKnowsWhatIsLive asks a running gateway, whose dynamic alias fills
// while it runs.
func TestExplainKnowsWhatIsLive(t *testing.T) {
	m := newMachine(t)
	m.files = draft(strings.Replace(testPolicy, "[[rule]]", `[alias.banned]
dynamic = true

[schedule.night]
times = ["22:00-06:00"]

[[rule]]
name = "no-banned"
source = "@banned"
action = "reject"

[[rule]]
name = "quiet"
from = "lan"
schedule = "night"
action = "block"

[[rule]]`, 1))
	f, _ := m.start(t, nil)
	noon := time.Date(2031, 5, 5, 12, 0, 0, 0, time.UTC) // years ahead of what the kernel was given
	ask := func(at time.Time) string {
		t.Helper()
		e, err := f.Explain(t.Context(), report.Question{Packet: "lan tcp 10.1.2.9 -> 198.51.100.7:443", At: at})
		if err != nil {
			t.Fatal(err)
		}
		if !e.At.Equal(at) || e.Unknown != "" {
			t.Errorf("asked about %s: %+v", at, e)
		}
		return e.Verdict + " " + e.Rule
	}
	if got := ask(noon); got != "pass lan-out" {
		t.Errorf("at noon: %s", got)
	}
	if got := ask(noon.Add(12 * time.Hour)); got != "block quiet" {
		t.Errorf("at night: %s", got)
	}
	sets := m.kernel.Ruleset().Sets
	i := slices.IndexFunc(sets, func(s nft.Set) bool { return s.Name == rules.SetName("alias", "banned", rules.V4) })
	banned := nft.AddElements{Table: TableName, Set: sets[i], Elements: []nft.Element{{Key: []nft.Value{nft.Address(netip.MustParseAddr("10.1.2.9"))}}}}
	if err := m.kernel.Touch(t.Context(), nft.Batch{banned}); err != nil {
		t.Fatal(err)
	}
	if got := ask(noon); got != "reject no-banned" {
		t.Errorf("when it is banned: %s", got)
	}
}

func TestExplainRefuses(t *testing.T) {
	m := newMachine(t)
	f, stop := m.start(t, nil)
	for packet, want := range map[string]string{
		"lan tcp 10.1.2.9 -> 198.51.100.7":     "the destination lacks its port: write 198.51.100.7:443",
		"lam tcp 10.1.2.9 -> 198.51.100.7:443": `no interface "lam"; did you mean "lan"?`,
	} {
		if _, err := f.Explain(t.Context(), report.Question{Packet: packet}); !errors.Is(err, report.ErrRequest) || err.Error() != want {
			t.Errorf("%s: %v, want %s", packet, err, want)
		}
	}
	stop()
	m = newMachine(t)
	m.files = draft("schema = 1\n[nonsense]\n")
	f, _ = m.start(t, nil)
	if _, err := f.Explain(t.Context(), report.Question{Packet: "lan gre 10.1.2.9 -> 198.51.100.7"}); !errors.Is(err, report.ErrConflict) {
		t.Errorf("without a policy: %v", err)
	}
}

// TestWallTimeIsThePolicys asks for three o'clock where the office is, on a machine that is elsewhere.
func TestWallTimeIsThePolicys(t *testing.T) {
	c, err := parse(draft(testPolicy))
	if err != nil {
		t.Fatal(err)
	}
	if c.System.Location, err = time.LoadLocation("Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	three := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for wall, want := range map[bool]time.Time{false: three, true: three.Add(-time.Hour)} {
		q := report.Question{Packet: "lan tcp 10.1.2.9 -> 198.51.100.7:443", At: three, Wall: wall}
		e, err := ExplainPolicy(c, q, three.AddDate(1, 0, 0))
		if err != nil || !e.At.Equal(want) {
			t.Errorf("wall %v: asked about %v, %v, want %v", wall, e.At, err, want)
		}
	}
}
