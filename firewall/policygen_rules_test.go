package firewall

import (
	"fmt"
	"net/netip"
	"slices"
)

// rules draws the filter rules. Most policies are short; some have hundreds of
// rules, and of those most are alike but for one thing or two, with others in
// between, as lists that grow over years are.
func (g *policyGen) rules() policyText {
	n := 1 + g.IntN(20)
	switch {
	case g.chance(12):
		return g.series(100 + g.IntN(300))
	case g.chance(6):
		n, g.narrow = 100+g.IntN(200), true
	case g.chance(40):
		n = 20 + g.IntN(41)
	}
	var out policyText
	for len(out) < n {
		out = g.appendRule(out, g.rule())
	}
	return out
}

// appendRule adds a rule, and now and then repeats it with another action or changed a bit.
func (g *policyGen) appendRule(out policyText, s section) policyText {
	out = append(out, s)
	if g.chance(8) {
		again := section{header: s.header}.with("name", quoted(g.name("again")))
		for _, k := range s.keys {
			if k.name != "name" && k.name != "action" && k.name != "limits" && (g.narrow || g.chance(90)) {
				again.keys = append(again.keys, k)
			}
		}
		out = append(out, again.with("action", g.action()))
	}
	return out
}

func (g *policyGen) action() string {
	return quoted(pick(g.Rand, []string{"pass", "pass", "pass", "block", "block", "reject"}))
}

// rule draws one rule with any of the keys.
func (g *policyGen) rule() section {
	s := section{header: "[[rule]]"}.with("name", quoted(g.name("rule")))
	s = g.flag(s, "disabled", 6)
	if g.often(65) {
		s = s.with("from", quoted(g.place(false)))
	}
	if g.often(55) {
		s = s.with("to", quoted(g.place(true)))
	}
	if g.often(60) {
		s = s.withList("source", g.addressTerms(3))
	}
	if g.often(60) {
		s = s.withList("destination", g.addressTerms(3))
	}
	s = g.speech(s)
	action := g.action()
	s = s.with("action", action)
	s = g.flag(s, "log", 8)
	if len(g.scheduled) > 0 && g.chance(15) {
		s = s.with("schedule", quoted(pick(g.Rand, g.scheduled)))
	}
	if action == quoted("pass") && len(g.steers) > 0 && g.chance(25) {
		s = s.with("gateway", quoted(pick(g.Rand, g.steers)))
	}
	if action == quoted("pass") && g.chance(6) {
		s = s.with("limits", `{ flows = 1000000, flows_per_source = 100000, rate_per_source = "1000000/1s" }`)
	}
	return s
}

// often is chance for what makes a rule narrow: in a long list, a few wide rules would decide everything.
func (g *policyGen) often(percent int) bool { return g.chance(percent) || g.narrow && g.chance(80) }

func (g *policyGen) place(out bool) string {
	switch {
	case len(g.zoned) > 0 && g.chance(25):
		return pick(g.Rand, g.zoned)
	case out && g.chance(30):
		return "self"
	case g.chance(4):
		return "any"
	}
	return pick(g.Rand, g.ifaces).name
}

// speech draws protocols and what belongs to them.
func (g *policyGen) speech(s section) section {
	ported := []string{"tcp", "udp", "sctp", "udplite"}
	switch n := g.IntN(100); {
	case n < 25 && !g.narrow: // any
	case n < 60:
		protocols := []string{pick(g.Rand, ported[:2])}
		if g.chance(25) {
			protocols = some(g.Rand, ported, 3)
		}
		s = s.withList("protocol", protocols)
		if g.chance(70) {
			s = s.withList("port", g.portTerms(3))
		}
		if g.chance(15) {
			s = s.withList("source_port", g.portTerms(2))
		}
		if len(protocols) == 1 && protocols[0] == "tcp" && g.chance(10) {
			s = s.withList("tcp_flags", pick(g.Rand, [][]string{{"syn", "!ack"}, {"syn", "!ece"}, {"cwr"}, {"!syn"}, {"syn", "ece", "!psh"}}))
		}
	case n < 85:
		s = g.icmp(s)
	case n < 93:
		s = s.withList("protocol", some(g.Rand, []string{"gre", "esp", "47", "icmp", "icmpv6", "tcp", "udp", "sctp"}, 1+g.IntN(4)))
	default:
		s = s.withList("protocol", []string{pick(g.Rand, []string{"gre", "sctp", "esp", "ospf"})})
	}
	return s
}

func (g *policyGen) icmp(s section) section {
	types := []string{"echo-request", "echo-reply", "13", "8/0", "8/7", "13/1", "17"}
	protocols := []string{"icmp"}
	switch {
	case g.chance(40):
		protocols, types = []string{"icmpv6"}, []string{"echo-request", "128/0", "128/3", "129", "139", "packet-too-big"}
	case g.chance(15):
		protocols, types = []string{"icmp", "icmpv6"}, []string{"echo-request", "echo-reply", "time-exceeded", "port-unreachable"}
	}
	s = s.withList("protocol", protocols)
	if g.chance(70) {
		s = s.withList("icmp", some(g.Rand, types, 1+g.IntN(3)))
	}
	return s
}

// series draws n rules that differ in one key only, or in two, with a few of another kind in between.
func (g *policyGen) series(n int) policyText {
	from := g.ifaces[len(g.ifaces)-1-g.IntN(2)] // few sources are refused inside
	same := section{}.with("from", quoted(from.name)).withList("protocol", []string{pick(g.Rand, []string{"tcp", "udp"})})
	vary := []string{pick(g.Rand, []string{"source", "destination", "port", "source_port"})}
	if second := pick(g.Rand, []string{"source", "destination", "port", "source_port", "from", "to"}); second != vary[0] && g.chance(50) {
		vary = append(vary, second)
	}
	if g.chance(10) {
		same, vary = section{}.withList("protocol", []string{"icmp"}), []string{"icmp"}
	}
	step := 1
	if g.chance(30) {
		step = 2 // each twice
	}
	g.narrow = true
	var out policyText
	for i := range n {
		s := section{header: "[[rule]]"}.with("name", quoted(g.name("row")))
		for _, k := range same.keys {
			if !slices.Contains(vary, k.name) {
				s.keys = append(s.keys, k)
			}
		}
		for _, key := range vary {
			s = s.withList(key, []string{g.step(key, i/step)})
		}
		for i, k := range s.keys {
			s.keys[i].list = k.list && k.name != "from" && k.name != "to"
		}
		out = g.appendRule(out, s.with("action", g.action()))
		if g.chance(2) {
			out = g.appendRule(out, g.rule())
		}
	}
	return out
}

// step is the value of a key in the row i of a series: disjoint, touching, crossing or nested ones.
func (g *policyGen) step(key string, i int) string {
	switch key {
	case "from", "to":
		return g.place(key == "to")
	case "icmp":
		return fmt.Sprintf("%d/%d", []int{8, 13, 17}[i%3], i/3%200)
	case "port", "source_port":
		low := 1 + i*7
		switch n := g.IntN(100); {
		case n < 25:
			return fmt.Sprintf("%d-%d", low, low+6) // touches its neighbours
		case n < 45:
			return fmt.Sprintf("%d-%d", low, low+g.IntN(30)) // crosses some
		case n < 47:
			return fmt.Sprintf("%d-%d", max(1, low-g.IntN(500)), low+g.IntN(1000)) // holds many
		}
		return fmt.Sprint(low)
	}
	return g.stepAddress(i)
}

func (g *policyGen) stepAddress(i int) string {
	base := pick(g.Rand, g.ifaces).addresses[0].Masked().Addr()
	if g.chance(50) {
		base = netip.MustParseAddr("198.51.100.0")
	}
	from := plus(base, uint64(i*3))
	prefix := func(bits int) string {
		p, err := from.Prefix(from.BitLen() - bits)
		if err != nil {
			return from.String()
		}
		return p.String()
	}
	switch n := g.IntN(100); {
	case n < 25:
		return prefix(1 + g.IntN(3))
	case n < 45:
		return from.String() + "-" + plus(from, g.Uint64N(12)).String()
	case n < 48:
		return prefix(4 + g.IntN(8))
	}
	return from.String()
}

// plus is the address n further on.
func plus(a netip.Addr, n uint64) netip.Addr {
	b := a.AsSlice()
	for i := len(b) - 1; i >= 0 && n > 0; i-- {
		n += uint64(b[i])
		b[i] = byte(n)
		n >>= 8
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}
