package firewall

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/gateways"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules/steer"
)

func TestGatewayReports(t *testing.T) {
	w := NewWorld(policyOfText(t, uplinked), Learned{}, friday)
	w.Lines = withDown(w, []string{"cable"}).Lines
	s := &gateways.Status{
		Name: "cable", Health: steer.Health{State: steer.Down}, Since: friday, Reason: "no answer from 192.0.2.1 for 2s", Up: friday.Add(time.Minute),
		Loss: 12.5, Delay: 3 * time.Millisecond, Jitter: time.Millisecond, Targets: []gateways.TargetStatus{
			{Target: "192.0.2.1", Silent: true, Stats: gateways.Stats{Sent: 8, Lost: 1, Delay: 3 * time.Millisecond}, Answered: friday, Fault: "no answer within 2s"},
		},
	}
	want := report.Gateway{
		Name: "cable", Interface: "wan2", Address: netip.MustParseAddr("192.0.2.1"), Number: 2, Table: 82002, Weight: 1, Groups: []string{"internet", "voip", "either"},
		State: report.GatewayDown, Since: friday, Up: friday.Add(time.Minute), Reason: s.Reason, Watched: true,
		Loss: 12.5, Delay: report.Delay(3 * time.Millisecond), Jitter: report.Delay(time.Millisecond), Targets: []report.GatewayTarget{
			{Target: "192.0.2.1", Sent: 8, Lost: 1, Delay: report.Delay(3 * time.Millisecond), LastAnswer: friday, Error: "no answer within 2s"},
		},
	}
	addr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, gatewayReport(w, *w.Config.Gateway("cable"), s), addr); diff != "" {
		t.Error(diff)
	}
	lte := report.Gateway{Name: "lte", Interface: "wan3", Learned: "dhcp", Number: 3, Table: 82003, Weight: 1, Groups: []string{"internet"}, State: report.GatewayOnline}
	if diff := cmp.Diff(lte, gatewayReport(w, *w.Config.Gateway("lte"), nil), addr); diff != "" {
		t.Errorf("nobody watches it: %s", diff)
	}
	alone := NewWorld(policyOfText(t, office), Learned{}, friday)
	if g := gatewayReport(alone, *alone.Config.Gateway("fibre"), nil); g.Table != 0 || g.Number != 1 {
		t.Errorf("one line alone: %+v", g)
	}
}

func TestGroupReports(t *testing.T) {
	w := NewWorld(policyOfText(t, uplinked), Learned{}, friday)
	watched := map[string]*gateways.Status{"fibre": {Since: friday.Add(-time.Hour)}, "cable": {Since: friday}}
	group := func(down ...string) report.GatewayGroup {
		return groupReport(withDown(w, down), *w.Config.GatewayGroup("internet"), watched)
	}
	member := func(name string, tier, weight int, state string, share float64) report.GroupMember {
		return report.GroupMember{Gateway: name, Tier: tier, Weight: weight, State: state, Share: share}
	}
	for _, tt := range []struct {
		down []string
		tier int
		want []report.GroupMember
	}{
		{nil, 1, []report.GroupMember{
			member("fibre", 1, 3, report.GatewayOnline, 75), member("cable", 1, 1, report.GatewayOnline, 25), member("lte", 2, 1, report.GatewayOnline, 0)}},
		{[]string{"fibre"}, 1, []report.GroupMember{
			member("fibre", 1, 3, report.GatewayDown, 0), member("cable", 1, 1, report.GatewayOnline, 100), member("lte", 2, 1, report.GatewayOnline, 0)}},
		{[]string{"fibre", "cable"}, 2, []report.GroupMember{
			member("fibre", 1, 3, report.GatewayDown, 0), member("cable", 1, 1, report.GatewayDown, 0), member("lte", 2, 1, report.GatewayOnline, 100)}},
		{[]string{"fibre", "cable", "lte"}, 0, []report.GroupMember{
			member("fibre", 1, 3, report.GatewayDown, 0), member("cable", 1, 1, report.GatewayDown, 0), member("lte", 2, 1, report.GatewayDown, 0)}},
	} {
		want := report.GatewayGroup{Name: "internet", Tier: tt.tier, Tiers: 2, OnDown: config.OnDownNext.String(), Since: friday, Members: tt.want}
		if diff := cmp.Diff(want, group(tt.down...)); diff != "" {
			t.Errorf("%v down: %s", tt.down, diff)
		}
	}
}

// TestHistoryReport: a sample stands for the time since the one before, and after a pause for no more than any may.
func TestHistoryReport(t *testing.T) {
	at := func(seconds int) time.Time { return friday.Add(time.Duration(seconds) * time.Second) }
	h := gateways.History{
		Samples: []gateways.Sample{{At: at(0), Loss: 3}, {At: at(300)}, {At: at(310), State: steer.Warning, Delay: time.Millisecond}, {At: at(4000)}},
		Transitions: []gateways.Transition{
			{At: at(310), From: steer.Health{}, To: steer.Health{State: steer.Warning}, Reason: "delay 230ms (warning at 200ms)"},
		},
	}
	want := report.GatewayHistory{
		Gateway: "fibre", Since: friday,
		Samples: []report.GatewaySample{
			{Time: at(-300), Seconds: 300, State: report.GatewayOnline, Loss: 3}, {Time: at(0), Seconds: 300, State: report.GatewayOnline},
			{Time: at(300), Seconds: 10, State: report.GatewayWarning, Delay: report.Delay(time.Millisecond)}, {Time: at(3700), Seconds: 300, State: report.GatewayOnline},
		},
		Transitions: []report.GatewayTransition{{Time: at(310), From: report.GatewayOnline, To: report.GatewayWarning, Reason: "delay 230ms (warning at 200ms)"}},
	}
	if diff := cmp.Diff(want, historyReport("fibre", friday, h)); diff != "" {
		t.Error(diff)
	}
}
