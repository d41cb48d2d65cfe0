package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// now is when every test takes place.
func now() time.Time { return time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC) }

func before(d time.Duration) time.Time { return now().Add(-d) }

// gateway is a daemon that keeps revisions in memory and enforces nothing.
type gateway struct {
	revisions []report.Revision // oldest first; the last is the current one
	pending   *report.Revision
	deadline  time.Time
	lockout   *report.Lockout // what an apply without force is refused for
	refuse    error           // what every question is answered with, unless nil
	quiet     bool            // there is nothing to list
	lines     bool            // status tells of gateways
	pair      view.Status
	ill       bool // a doctor finds something bad
	flows     []flows.Flow
	coming    []packetlog.Entry // what Follow sends first
	stays     bool              // and then it waits, rather than go away
	asked     []string          // what was asked that leaves no other trace

	peer    *report.PeerReport // what the other node says of a policy, and what becomes of it
	paired  view.Pairing
	apart   view.PolicyDiff
	carries int                   // how many revisions go over
	reached []netip.Addr          // where an invitation is answered
	during  func(context.Context) // runs while an invitation waits
}

func newGateway(policy, node string) *gateway {
	g := &gateway{flows: sampleFlows()}
	for i, text := range []string{"schema = 1\n", policy} {
		g.revisions = append(g.revisions, report.Revision{
			Number: 6 + i, Hash: config.Hash([]byte(text)), Author: []string{"anna", "root"}[i], Policy: []byte(text), Node: []byte(node),
			Time: before([]time.Duration{50 * time.Hour, 20 * time.Minute}[i]), Message: []string{"", "let the guests out"}[i],
		})
	}
	return g
}

func (g *gateway) current() report.Revision {
	if g.pending != nil {
		return *g.pending
	}
	return g.revisions[len(g.revisions)-1]
}

func (g *gateway) Status(context.Context) (report.Status, error) {
	r := g.current()
	s := report.Status{
		Name: "fw1", Version: "v0.1.0", Started: before(75 * time.Hour), Revision: r.Number, Hash: r.Hash, Since: r.Time,
		Flows: 12345, FlowsMax: 262144,
	}
	if g.quiet {
		return report.Status{Version: "v0.1.0", Started: before(3 * time.Second), Warnings: []string{"no policy runs: `rempart apply`"}}, g.refuse
	}
	if g.pending != nil {
		s.Pending = &report.Pending{Hash: r.Hash, Author: r.Author, Message: r.Message, Deadline: g.deadline}
		s.FileDiffers = true
		s.Warnings = []string{"table inet docker has a chain forward on the forward hook: it decides about packets as well"}
	}
	s.Interfaces = []report.Link{
		{Name: "wan", Device: "eth0", Present: true, Up: true, Addresses: prefixes("203.0.113.2/29", "2001:db8::2/64"), RxBytes: 1234567890, TxBytes: 76543210, RxDropped: 12},
		{Name: "lan", Device: "eth1", Present: true, Addresses: prefixes("10.1.2.2/28")},
		{Name: "dmz", Device: "eth2"},
	}
	if g.lines {
		s.Lines = sampleLines()
		s.VIPs = []report.VIP{{Interface: "wan", Kind: "proxy_arp", Address: netip.MustParsePrefix("203.0.113.8/29")}}
	}
	return s, g.refuse
}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func (g *gateway) Check(_ context.Context, d report.Draft, _ report.Caller) (report.Preview, error) {
	if g.refuse != nil {
		return report.Preview{}, g.refuse
	}
	c, err := parse(d)
	if err != nil {
		return report.Preview{Faults: err.(faultsError)}, nil
	}
	v := report.Preview{Hash: config.Hash(d.Policy), Diff: config.Diff(g.current().Policy, d.Policy)}
	v.Tests = firewall.RunTests(firewall.NewWorld(c, firewall.Learned{}, now()), now())
	if v.Faults = report.FailedTests(v.Tests); v.Faults != nil {
		return v, nil
	}
	if v.Unchanged = v.Diff == ""; v.Unchanged {
		return v, nil
	}
	if old, err := parse(draftOfRevision(g.current())); err == nil {
		v.Traffic = firewall.TrafficChanges(old, c, now())
	}
	v.Changes = []string{"add address 10.1.4.1/24 to eth3"}
	v.FlowsLost = []report.FlowsLost{{Rule: "lan-out", Count: 12}, {Rule: "wan-web", Count: 12345}}
	v.Warnings = []string{"interface dmz has no device eth2 yet"}
	v.Lockout, v.Peer = g.lockout, g.peer
	return v, nil
}

func (g *gateway) Apply(_ context.Context, r report.Request, by report.Caller) (report.Applied, error) {
	if g.refuse != nil {
		return report.Applied{}, g.refuse
	}
	if g.lockout != nil && !r.Force {
		return report.Applied{}, g.lockout
	}
	if r.Base != g.current().Hash {
		return report.Applied{}, fmt.Errorf("%w: another policy runs by now", report.ErrConflict)
	}
	if now := g.current(); r.Policy != nil && string(r.Policy) == string(now.Policy) && string(r.Node) == string(now.Node) {
		return report.Applied{Hash: now.Hash, Unchanged: true}, nil
	}
	if g.peer != nil && g.peer.State == report.PeerRefuses && !r.Alone {
		return report.Applied{}, &report.PeerRefused{PeerReport: *g.peer}
	}
	next := report.Revision{Hash: config.Hash(r.Policy), Author: "root", Time: now(), Message: r.Message, Policy: r.Policy, Node: r.Node}
	if r.Confirm > 0 {
		g.pending, g.deadline = &next, now().Add(time.Duration(r.Confirm)*time.Second)
		return report.Applied{Hash: next.Hash, FlowsEnded: 12, Deadline: g.deadline, Peer: g.became()}, nil
	}
	return g.keep(next)
}

func (g *gateway) keep(r report.Revision) (report.Applied, error) {
	r.Number = len(g.revisions) + 6
	g.revisions = append(g.revisions, r)
	g.pending = nil
	return report.Applied{Revision: r.Number, Hash: r.Hash, FlowsEnded: 1, Peer: g.became()}, nil
}

// became is what became of the other node: one that was ready has switched.
func (g *gateway) became() *report.PeerReport {
	if g.peer == nil || g.peer.State != report.PeerReady {
		return g.peer
	}
	return &report.PeerReport{Node: g.peer.Node, State: report.PeerSwitched}
}

func (g *gateway) Confirm(context.Context, report.Caller) (report.Applied, error) {
	if g.refuse != nil {
		return report.Applied{}, g.refuse
	}
	if g.pending == nil {
		return report.Applied{}, fmt.Errorf("%w: nothing waits for a confirm", report.ErrConflict)
	}
	return g.keep(*g.pending)
}

func (g *gateway) Rollback(_ context.Context, number int, _ report.Caller) (report.Applied, error) {
	if g.refuse != nil {
		return report.Applied{}, g.refuse
	}
	if g.pending != nil && number == 0 {
		g.pending = nil
		return report.Applied{Revision: g.current().Number, Hash: g.current().Hash}, nil
	}
	r, err := g.Revision(context.Background(), max(number, 6))
	if err != nil {
		return report.Applied{}, err
	}
	return g.keep(r)
}

func (g *gateway) History(context.Context) ([]report.Revision, error) {
	if g.quiet {
		return nil, g.refuse
	}
	list := []report.Revision{{Number: 5, Hash: "0123456789abcdef", Author: "anna", Time: before(1000 * time.Hour), Damaged: true}}
	list = append(list, g.revisions...)
	slices.Reverse(list)
	for i := range list {
		list[i].Policy, list[i].Node, list[i].Current = nil, nil, i == 0
	}
	return list, g.refuse
}

func (g *gateway) Revision(_ context.Context, number int) (report.Revision, error) {
	for _, r := range g.revisions {
		if r.Number == number {
			return r, g.refuse
		}
	}
	return report.Revision{}, fmt.Errorf("%w: no revision %d", report.ErrRequest, number)
}

func (g *gateway) Ruleset(context.Context) (string, error) {
	return "table inet rempart {\n\tchain forward {\n\t}\n}\n", g.refuse
}

func (g *gateway) Rules(_ context.Context, all bool) ([]report.Rule, error) {
	if g.quiet {
		return nil, g.refuse
	}
	rules := sampleRules()
	if all {
		rules = append(rules, report.Rule{Name: "admin", Kind: "automatic", Setting: "system.admin", Action: "pass", Text: "from @admins to self tcp port 22", Active: true, Packets: 3, Bytes: 180, LastHit: before(time.Hour)},
			report.Rule{Name: "auto_outbound", Kind: "automatic", Setting: "nat.outbound", Action: "translate", Text: "inside networks leave as the outside address", Active: true, Packets: 70, Bytes: 4200, LastHit: before(time.Minute)})
	}
	return rules, g.refuse
}

func (g *gateway) Aliases(context.Context) ([]report.Alias, error) {
	if g.quiet {
		return nil, g.refuse
	}
	return sampleAliases(), g.refuse
}

func (g *gateway) Alias(_ context.Context, name string) (report.Alias, error) {
	for _, a := range sampleAliases() {
		if a.Name == name {
			a.Entries = []string{"192.0.2.0/24", "198.51.100.7-198.51.100.9"}
			return a, g.refuse
		}
	}
	return report.Alias{}, fmt.Errorf("%w: no alias %q", report.ErrRequest, name)
}

func (g *gateway) RefreshAlias(_ context.Context, name string, force bool) error {
	g.asked = append(g.asked, fmt.Sprintf("refresh %s, force %v", name, force))
	return g.refuse
}

func (g *gateway) Routes(_ context.Context, all bool) ([]report.Route, error) {
	if g.quiet {
		return nil, g.refuse
	}
	return sampleRoutes(all), g.refuse
}

func (g *gateway) Lines(context.Context) (report.Lines, error) {
	if g.quiet {
		return report.Lines{}, g.refuse
	}
	return sampleLines(), g.refuse
}

func (g *gateway) GatewayHistory(_ context.Context, name string, since time.Time) (report.GatewayHistory, error) {
	return sampleHistory(name, since), g.refuse
}

func (g *gateway) Schedules(context.Context) ([]report.Schedule, error) {
	if g.quiet {
		return nil, g.refuse
	}
	return []report.Schedule{
		{Name: "office", Active: true, Next: now().Add(75 * time.Minute), UsedBy: []string{"lan-out"}},
		{Name: "christmas", Next: now().Add(33 * 24 * time.Hour), UsedBy: []string{"guests", "wan-web"}},
		{Name: "past"},
	}, g.refuse
}

func (g *gateway) Explain(_ context.Context, q report.Question) (report.Explanation, error) {
	if g.refuse != nil {
		return report.Explanation{}, g.refuse
	}
	c, err := parse(report.Draft{PolicyName: "rempart.toml", Policy: []byte(stagePolicy)})
	if err != nil {
		return report.Explanation{}, err
	}
	return firewall.ExplainPolicy(c, q, now())
}

func (g *gateway) Live(_ context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error {
	if g.refuse != nil {
		return g.refuse
	}
	lines := []report.LiveLine{{Begin: &report.LiveBegin{Flow: q.Flow, Reply: q.Reply, Count: q.Count, Until: now().Add(time.Duration(q.Seconds) * time.Second)}}}
	end := report.LiveEnd{Lost: q.Reply, Hint: "no such packet arrived at lan (eth1): is it plugged in there?"}
	if !g.quiet {
		packets := sampleLive()
		end.Packets, end.Hint = min(q.Count, len(packets)), ""
		for _, p := range packets[:end.Packets] {
			lines = append(lines, report.LiveLine{Packet: &p})
		}
	}
	for _, l := range append(lines, report.LiveLine{End: &end}) {
		if err := tell(l); err != nil {
			return err
		}
	}
	return nil
}

func (g *gateway) Flows(_ context.Context, words []string) ([]flows.Flow, error) {
	numbers := flows.Numbers{Rules: map[string]uint16{"lan-out": 3, "wan-web": 4}, Gateways: map[string]uint16{"fibre": 1, "cable": 2}}
	f, err := flows.ParseFilter(words, numbers)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", report.ErrRequest, err)
	}
	numbers.Name(g.flows)
	return slices.DeleteFunc(slices.Clone(g.flows), func(fl flows.Flow) bool { return !f.Match(fl) }), g.refuse
}

func (g *gateway) EndFlows(ctx context.Context, words []string, _ report.Caller) (int, error) {
	list, err := g.Flows(ctx, words)
	g.flows = slices.DeleteFunc(g.flows, func(f flows.Flow) bool { return slices.Contains(list, f) })
	return len(list), err
}

func (g *gateway) Log(_ context.Context, words []string, most int) ([]packetlog.Entry, error) {
	f, err := packetlog.ParseFilter(words)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", report.ErrRequest, err)
	}
	list := slices.DeleteFunc(sampleLog(), func(e packetlog.Entry) bool { return !f.Match(e) })
	return list[max(0, len(list)-most):], g.refuse
}

func (g *gateway) Follow(ctx context.Context, _ []string) (<-chan packetlog.Entry, error) {
	entries := make(chan packetlog.Entry, len(g.coming))
	for _, e := range g.coming {
		entries <- e
	}
	if !g.stays {
		close(entries)
	}
	return entries, g.refuse
}
