package trace

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/nft"
)

// samplePolicy is a table in which a rule's handle is 10 and its place among all rules.
func samplePolicy() Policy {
	verdict := func(kind nft.VerdictKind, chain string) nft.Expr { return nft.Verdict{Kind: kind, Chain: chain} }
	rule := func(comment string, exprs ...nft.Expr) nft.Rule { return nft.Rule{Exprs: exprs, Comment: comment} }
	hook := func(kind, point string) *nft.Hook { return &nft.Hook{Type: kind, Point: point} }
	target := nft.NAT{Kind: nft.DNAT, Addrs: []netip.Addr{netip.MustParseAddr("10.1.3.10")}}
	p := Policy{
		Ruleset: nft.Ruleset{Table: nft.Table{Name: "rempart"}, Chains: []nft.Chain{
			{Name: "forward", Hook: hook("filter", "forward"), Rules: []nft.Rule{
				rule("", nft.CTState{States: nft.StateEstablished}, verdict(nft.Accept, "")), // 10
				rule("", nft.VMap{}), // 11
				rule("web", nft.Count{Counter: "rule_web"}, verdict(nft.Accept, "")),        // 12
				rule("no-ssh", verdict(nft.Drop, "")),                                       // 13
				rule("x", verdict(nft.Goto, "rule_x")),                                      // 14
				rule("pass", nft.Count{Counter: "auto_forwarded"}, verdict(nft.Accept, "")), // 15
				rule("", verdict(nft.Drop, "")),                                             // 16
			}},
			{Name: "rule_x", Rules: []nft.Rule{
				rule("x", verdict(nft.Goto, "limit_x")),                              // 17
				rule("x", nft.Count{Counter: "rule_x"}, verdict(nft.Goto, "reject")), // 18
			}},
			{Name: "limit_x", Rules: []nft.Rule{rule("", nft.Count{Counter: "limit_x"}), rule("", verdict(nft.Drop, ""))}},                  // 19, 20
			{Name: "reject", Rules: []nft.Rule{rule("", nft.Reject{})}},                                                                     // 21
			{Name: "block_default", Rules: []nft.Rule{rule("", nft.Count{Counter: "block_default"}), rule("", verdict(nft.Drop, ""))}},      // 22, 23
			{Name: "translate_in", Hook: hook("nat", "prerouting"), Rules: []nft.Rule{rule("www", nft.Count{Counter: "rule_www"}, target)}}, // 24
			{Name: "translate_out", Hook: hook("nat", "postrouting"), Rules: []nft.Rule{
				rule("own", verdict(nft.Accept, "")),                                       // 25
				rule("reflection", nft.Count{Counter: "auto_reflected"}, nft.Masquerade{}), // 26
			}},
			{Name: "input", Hook: hook("filter", "input"), Rules: []nft.Rule{
				rule("", nft.Match{Field: nft.IIFName, Values: []nft.Value{nft.Ifname("lo")}}, verdict(nft.Accept, "")), // 27
			}},
			{Name: "lines_out", Hook: hook("filter", "postrouting"), Rules: []nft.Rule{
				rule("web", nft.SetMark{Field: nft.CTMark, Keep: 0xff00ffff, Value: 0x20000}), // 28
			}},
		}},
		Comments: map[string]Origin{}, Counters: map[string]Origin{
			"limit_x":        {Kind: Limit, Name: "x", Line: 5, Cause: "limit"},
			"block_default":  {Kind: Drop, Cause: "default", Text: "what no rule decided"},
			"auto_forwarded": {Cause: "forward", Text: "a port forward"},
			"auto_reflected": {Cause: "automatic", Text: "reflection"},
		},
		Interfaces: map[string]string{"lan0": "lan", "wan0": "wan"}, Gateways: map[uint32]string{0x20000: "cable"},
	}
	for line, name := range []string{"", "web", "no-ssh", "", "", "x", "reflection"} {
		if name != "" {
			o := Origin{Kind: Rule, Name: name, Line: line, Cause: "rule"}
			p.Comments[name], p.Counters["rule_"+name] = o, o
		}
	}
	p.Comments["www"] = Origin{Kind: PortForward, Name: "www", Line: 9, Cause: "forward"}
	return p
}

// handlesOf is a policy in the kernel, its handles moved on by some.
func handlesOf(p Policy, by uint64) []nft.RuleHandle {
	var out []nft.RuleHandle
	for _, c := range p.Ruleset.Chains {
		for _, r := range c.Rules {
			out = append(out, nft.RuleHandle{Chain: c.Name, Handle: by + 10 + uint64(len(out)), Comment: r.Comment})
		}
	}
	return out
}

// The headers of packets: a SYN to port 443, and what translations make of it.
var (
	syn       = headers("10.1.2.9", 40000, "198.51.100.7", 443)
	forwarded = headers("10.1.2.9", 40000, "10.1.3.10", 443)
	outside   = headers("203.0.113.2", 40000, "198.51.100.7", 443)
)

type heads struct{ network, transport []byte }

func headers(src string, sport uint16, dst string, dport uint16) *heads {
	h := &heads{network: []byte{0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0}, transport: make([]byte, 20)}
	h.network = append(append(h.network, netip.MustParseAddr(src).AsSlice()...), netip.MustParseAddr(dst).AsSlice()...)
	h.transport[0], h.transport[1], h.transport[2], h.transport[3] = byte(sport>>8), byte(sport), byte(dport>>8), byte(dport)
	h.transport[13] = 2
	return h
}

// event reads "FAMILY TABLE CHAIN KIND HANDLE VERDICT [CHAIN]"; headers come with the first in a base chain.
func event(packet uint32, line string, h *heads) nft.TraceEvent {
	w := strings.Fields(line)
	kinds := map[string]nft.TraceKind{"rule": nft.TraceRule, "policy": nft.TracePolicy, "return": nft.TraceReturn}
	verdicts := map[string]nft.VerdictKind{"accept": nft.Accept, "drop": nft.Drop, "goto": nft.Goto, "jump": nft.Jump, "queue": nft.Queue, "stolen": nft.Stolen, "return": nft.Return}
	e := nft.TraceEvent{Packet: packet, Family: w[0], Table: w[1], Chain: w[2], Kind: kinds[w[3]], Verdict: nft.Verdict{Kind: verdicts[w[5]]}}
	fmt.Sscan(w[4], &e.Handle)
	if len(w) > 6 {
		e.Verdict.Chain = w[6]
	}
	if h != nil {
		e.Network, e.Transport, e.In = h.network, h.transport, "lan0"
		if e.Chain == chainLeft {
			e.Out = "wan0"
		}
	}
	return e
}

// TestDescribe tells packets by the rules that they met.
func TestDescribe(t *testing.T) {
	const ours, trace = "inet rempart ", "inet " + TablePrefix + "1 "
	type step struct {
		line string
		h    *heads
	}
	came := step{trace + "came rule 2 continue", syn}
	left := func(h *heads) step { return step{trace + "left policy 0 accept", h} }
	for _, tt := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"a rule", []step{came, {ours + "forward rule 11 goto forward_lan", syn}, {ours + "forward rule 12 accept", nil}, left(syn)},
			`rule web passes it (line 1); pass rule web:1 wan`},
		{"a rule that drops", []step{came, {ours + "forward rule 13 drop", syn}},
			`rule no-ssh blocks it (line 2); block rule no-ssh:2`},
		{"the limit of a rule", []step{came, {ours + "forward rule 14 goto rule_x", syn}, {ours + "rule_x rule 17 goto limit_x", nil}, {ours + "limit_x rule 19 continue", nil}, {ours + "limit_x rule 20 drop", nil}},
			`rule x matches (line 5); limit of rule x blocks it (line 5); block limit x:5`},
		{"a refusal in a shared chain", []step{came, {ours + "forward rule 14 goto rule_x", syn}, {ours + "rule_x rule 18 goto reject", nil}, {ours + "reject rule 21 drop", nil}},
			`rule x rejects it (line 5); reject rule x:5`},
		{"a map that leads to a rule's chain", []step{came, {ours + "forward rule 11 goto rule_x", syn}, {ours + "rule_x rule 18 goto reject", nil}, {ours + "reject rule 21 drop", nil}},
			`rule x rejects it (line 5); reject rule x:5`},
		{"no rule", []step{came, {ours + "forward rule 11 goto block_default", syn}, {ours + "block_default rule 22 continue", nil}, {ours + "block_default rule 23 drop", nil}},
			`automatic block default: what no rule decided; block default :0`},
		{"a drop without a name", []step{came, {ours + "forward rule 16 drop", syn}}, `chain forward blocks it; block  :0`},
		{"our policy", []step{came, {ours + "forward policy 0 drop", syn}}, `chain forward blocks it; block  :0`},
		{"a flow that stands", []step{came, {ours + "forward rule 10 accept", forwarded}, left(forwarded)},
			`its flow, or a table that is not ours, translates it > tcp 10.1.2.9:40000 > 10.1.3.10:443 S len 60; a flow that stands, or one that belongs to it, passes it; pass established :0 wan`},
		{"a port forward", []step{came, {ours + "translate_in rule 24 accept", syn}, {ours + "forward rule 15 accept", forwarded}, left(forwarded)},
			`port forward www translates it (line 9) > tcp 10.1.2.9:40000 > 10.1.3.10:443 S len 60; port forward www passes it, no rule is needed (line 9); pass forward www:9 wan`},
		{"reflection, and not the rule of that name", []step{came, {ours + "forward rule 12 accept", syn}, {ours + "translate_out rule 26 accept", syn}, left(outside)},
			`rule web passes it (line 1); reflection translates it > tcp 203.0.113.2:40000 > 198.51.100.7:443 S len 60; pass rule web:1 wan`},
		{"a gateway, and not the rule of that name", []step{came, {ours + "forward rule 12 accept", syn}, {ours + "lines_out rule 28 continue", syn}, left(syn)},
			`rule web passes it (line 1); its flow takes gateway cable; pass rule web:1 wan cable`},
		{"the gateway itself", []step{{trace + "sent rule 2 continue", syn}, {ours + "translate_out rule 25 accept", syn}, left(syn)},
			`pass own :0 wan`},
		{"loopback", []step{came, {ours + "input rule 27 accept", syn}, {trace + "taken policy 0 accept", syn}},
			`the loopback device passes it; pass loopback :0`},
		{"another table", []step{came, {ours + "forward rule 12 accept", syn}, {"ip filter FORWARD rule 7 drop", syn}},
			"rule web passes it (line 1); dropped by table ip filter chain FORWARD (not ours), rule handle 7: see `nft -a list chain ip filter FORWARD`; block foreign :0"},
		{"the policy of another table of our name", []step{came, {"ip rempart forward policy 0 drop", syn}},
			"dropped by table ip rempart chain forward (not ours), its policy: see `nft -a list chain ip rempart forward`; block foreign :0"},
		{"a program that gives it back", []step{came, {"inet ids pre rule 2 queue", syn}, {ours + "forward rule 12 accept", syn}, left(syn)},
			"handed to a program by table inet ids chain pre (not ours), rule handle 2: see `nft -a list chain inet ids pre`; rule web passes it (line 1); pass rule web:1 wan"},
		{"a program that keeps it", []step{came, {ours + "forward rule 12 accept", syn}, {"inet ids post rule 2 stolen", syn}},
			"rule web passes it (line 1); held back by table inet ids chain post (not ours), rule handle 2: see `nft -a list chain inet ids post`; queue foreign :0"},
		{"another follower", []step{came, {"inet " + TablePrefix + "2 came rule 2 continue", syn}, {ours + "forward rule 12 accept", syn}, left(syn)},
			`rule web passes it (line 1); pass rule web:1 wan`},
		{"no route", []step{came, {ours + "translate_in policy 0 accept", syn}}, `gone  :0`},
		{"lost behind forward", []step{came, {ours + "forward rule 12 accept", syn}}, `rule web passes it (line 1); gone  :0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr trip
			for _, s := range tt.steps {
				h := s.h
				e := event(1, s.line, h)
				if strings.Contains(tt.name, "gateway itself") {
					e.In = ""
				}
				tr.events = append(tr.events, e)
			}
			p := samplePolicy()
			got := describe(tr, p, newIndex(p.Ruleset, handlesOf(p, 0)))
			var notes []string
			for _, s := range got.Steps {
				if s.Packet != "" {
					s.Note += " > " + s.Packet
				}
				if s.Note != "" {
					notes = append(notes, s.Note)
				}
			}
			end := strings.TrimSpace(fmt.Sprintf("%s %s %s:%d %s %s", got.Verdict, got.Cause, got.Rule, got.Line, got.OutName, got.Gateway))
			if diff := cmp.Diff(tt.want, strings.Join(append(notes, end), "; ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Packet != "tcp 10.1.2.9:40000 > 198.51.100.7:443 S len 60" || got.Why == "" {
				t.Errorf("packet %q, why %q", got.Packet, got.Why)
			}
		})
	}
}

// TestIndex brings handles to the rules of a chain only where both are the same.
func TestIndex(t *testing.T) {
	p := samplePolicy()
	handles := handlesOf(p, 0)
	handles[3].Comment = "other"
	rules := newIndex(p.Ruleset, handles)
	if at := rules[12]; at.number != 3 || at.comment != "web" || at.rule.Exprs != nil {
		t.Errorf("in a chain that changed: %+v", at)
	}
	if at := rules[18]; at.number != 2 || len(at.rule.Exprs) != 2 {
		t.Errorf("in one that did not: %+v", at)
	}
	if o, ok := p.origin(rules[12]); !ok || o.Name != "web" {
		t.Errorf("by its comment alone: %v, %v", o, ok)
	}
}

// TestHeader reads what is left of headers that were cut.
func TestHeader(t *testing.T) {
	options := append([]byte{0x46}, syn.network[1:]...) // an IPv4 option that is cut off
	v6 := append([]byte{0x60, 0, 0, 0, 0, 20, 6, 64}, make([]byte, 32)...)
	for name, tt := range map[string]struct {
		e    nft.TraceEvent
		want string
	}{
		"nothing":       {nft.TraceEvent{}, ""},
		"half a header": {nft.TraceEvent{Network: syn.network[:19]}, ""},
		"no transport":  {nft.TraceEvent{Network: syn.network}, "tcp 10.1.2.9 > 198.51.100.7 len 60 truncated"},
		"options":       {nft.TraceEvent{Network: options, Transport: syn.transport}, "tcp 10.1.2.9 > 198.51.100.7 len 60 truncated"},
		"IPv6":          {nft.TraceEvent{Network: v6, Transport: syn.transport}, "tcp [::]:40000 > [::]:443 S len 60"},
		"other":         {nft.TraceEvent{Network: []byte{0xff}}, ""},
	} {
		p, ok := header(tt.e)
		if ok != (tt.want != "") || ok && p.String() != tt.want {
			t.Errorf("%s: %q, %v, want %q", name, p, ok, tt.want)
		}
	}
}
