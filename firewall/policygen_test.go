package firewall

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
)

// randomPolicy draws a policy. It uses every key that this version enforces, and
// takes all values from small pools, so that rules overlap, touch and repeat one
// another. The same seed is always the same policy.
func randomPolicy(seed uint64) policyText {
	g := &policyGen{Rand: rand.New(rand.NewPCG(seed, 0x7265_6d70)), hops: map[bool][]string{}}
	g.interfaces()
	g.gateways()
	g.pools()
	g.zones()
	g.aliases()
	g.schedules()
	g.system()
	g.translations()
	return append(g.out, g.rules()...).repaired()
}

// policyGen is a policy that is being drawn. What stands in out is valid.
type policyGen struct {
	*rand.Rand
	out policyText

	ifaces []drawnInterface
	zoned  []string
	vips   []string // virtual addresses
	v4, v6 []string // terms of one family
	ports  []string // terms
	// Terms by name.
	addressAliases, portAliases, scheduled []string
	hops                                   map[bool][]string // gateways, by whether they are IPv6
	steers                                 []string          // gateways and groups that rules may name
	drawn                                  int               // counts names
	narrow                                 bool              // rules are to look at much
}

type drawnInterface struct {
	name      string
	external  bool
	addresses []netip.Prefix
}

// add keeps a section if the policy with it is one: not all that is drawn goes together.
func (g *policyGen) add(s section) bool {
	longer := append(g.out[:len(g.out):len(g.out)], s)
	if _, err := longer.parse(); err != nil {
		return false
	}
	g.out = longer
	return true
}

// chance is true with the given percentage.
func (g *policyGen) chance(percent int) bool { return g.IntN(100) < percent }

// pick takes one of many.
func pick[T any](g *rand.Rand, all []T) T { return all[g.IntN(len(all))] }

// some takes up to n of many, with repeats left out.
func some(g *rand.Rand, all []string, n int) []string {
	var out []string
	seen := map[string]bool{}
	for range n {
		if v := pick(g, all); !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// flag adds a boolean key with the given percentage.
func (g *policyGen) flag(s section, name string, percent int) section {
	if g.chance(percent) {
		return s.with(name, fmt.Sprint(g.chance(60)))
	}
	return s
}

// name is a name that nothing else of the policy has.
func (g *policyGen) name(kind string) string {
	g.drawn++
	return fmt.Sprintf("%s%d", kind, g.drawn)
}

// interfaces draws three to five of them, the first of which is external as a rule.
func (g *policyGen) interfaces() {
	drawn := []struct {
		name   string
		v4, v6 []string
	}{
		{"wan", []string{"203.0.113.2/24", "203.0.113.2/29", "203.0.113.6/28"}, []string{"2001:db8:ff::2/64"}},
		{"lan", []string{"10.1.2.1/24", "10.1.2.14/28", "10.1.2.1/23"}, []string{"2001:db8:2::1/64", "2001:db8:2:80::1/60"}},
		{"dmz", []string{"10.1.4.1/24", "10.1.4.1/30", "172.16.0.1/16"}, []string{"2001:db8:4::1/64", "fd00:4::1/64"}},
		{"wan2", []string{"198.51.100.2/26", "192.0.2.1/31"}, []string{"2001:db8:fe::2/48"}},
		{"guest", []string{"192.168.7.1/24", "10.1.6.129/25"}, []string{"fd00:7::1/64"}},
	}
	for i, d := range drawn[:3+g.IntN(3)] {
		n := drawnInterface{name: d.name, external: i == 0 && g.chance(90) || d.name == "wan2" && g.chance(70)}
		if g.chance(85) {
			n.addresses = append(n.addresses, netip.MustParsePrefix(pick(g.Rand, d.v4)))
		}
		if g.chance(75) || len(n.addresses) == 0 {
			n.addresses = append(n.addresses, netip.MustParsePrefix(pick(g.Rand, d.v6)))
		}
		if g.chance(20) { // a second one in the same network
			p := n.addresses[0]
			if next := p.Addr().Next(); p.Bits() < 29 && p.Contains(next) {
				n.addresses = append(n.addresses, netip.PrefixFrom(next, p.Bits()))
			}
		}
		s := section{header: "[interface." + d.name + "]"}.with("device", quoted(d.name+"0"))
		if g.chance(8) { // it has them from elsewhere
			n.addresses = fromElsewhere(d.name)
		} else {
			var addresses []string
			for _, p := range n.addresses {
				addresses = append(addresses, p.String())
			}
			s = s.withList("addresses", addresses)
		}
		if n.external {
			s = s.with("external", "true")
		}
		for _, key := range []string{"antispoof", "block_bogons", "block_private"} {
			s = g.flag(s, key, 25)
		}
		if g.add(s) {
			g.ifaces = append(g.ifaces, n)
		}
	}
}

// gateways draws next hops and routes to what lies behind them, nested ones among them.
func (g *policyGen) gateways() {
	for i, n := range g.ifaces {
		for _, p := range n.addresses {
			if !g.chance(60) && i > 0 {
				continue
			}
			hop := p.Masked().Addr().Next()
			for range 1 + g.IntN(2) {
				if hop == p.Addr() || !p.Contains(hop.Next()) {
					hop = hop.Next()
				}
			}
			name := g.name("hop")
			s := section{header: "[gateway." + name + "]"}.with("interface", quoted(n.name)).with("address", quoted(hop.String()))
			g.out = append(g.out, g.onDown(s.with("weight", fmt.Sprint(1+g.IntN(3)))))
			g.hops[hop.Is6()] = append(g.hops[hop.Is6()], name)
			for _, dst := range g.behind(n, p.Addr().Is4()) {
				s := section{header: "[[route]]"}.with("destination", quoted(dst)).with("gateway", quoted(name))
				if g.chance(15) {
					s = s.with("metric", fmt.Sprint(10*g.IntN(3)))
				}
				g.out = append(g.out, s)
			}
		}
	}
	g.out = g.out.repaired()
	g.groups()
}

// onDown draws what happens when nothing lives.
func (g *policyGen) onDown(s section) section {
	if g.chance(60) {
		return s.with("on_down", quoted(pick(g.Rand, []string{"next", "block", "default-route"})))
	}
	return s
}

// groups draws gateway groups. Where one deals flows out, it does so by their
// source: what the kernel counts nobody can foretell.
func (g *policyGen) groups() {
	g.steers = slices.Concat(g.hops[false], g.hops[true])
	for range g.IntN(4) {
		members := g.hops[g.chance(40)]
		if len(members) == 0 {
			continue
		}
		name, shared := g.name("group"), false
		var tiers []string
		for rest := some(g.Rand, members, 3); len(rest) > 0; {
			n := min(len(rest), 1+g.IntN(2))
			shared = shared || n > 1
			tiers = append(tiers, "[\""+strings.Join(rest[:n], "\", \"")+"\"]")
			rest = rest[n:]
		}
		s := g.onDown(section{header: "[gateway_group." + name + "]"}.with("tiers", "["+strings.Join(tiers, ", ")+"]"))
		if shared || g.chance(30) {
			s = s.with("sticky", "true")
		}
		if !g.add(s) {
			continue
		}
		g.steers = append(g.steers, name)
		if !shared && g.chance(50) {
			g.add(section{header: "[[route]]"}.with("destination", quoted(pick(g.Rand, []string{"default", "198.18.128.0/17", "2001:db8:128::/49"}))).
				with("gateway", quoted(name)).with("metric", fmt.Sprint(g.IntN(3))))
		}
	}
	for range g.IntN(3) {
		refused := []string{"10.20.30.192/26", "198.18.7.0/24", "172.20.9.0/24", "2001:db8:120:7::/64", "fd00:20:1:2::/64"}
		g.add(section{header: "[[route]]"}.with("destination", quoted(pick(g.Rand, refused))).with("kind", quoted(pick(g.Rand, []string{"blackhole", "unreachable", "prohibit"}))))
	}
}

func (g *policyGen) behind(n drawnInterface, v4 bool) []string {
	far := []string{"10.20.0.0/16", "10.20.30.0/24", "10.20.30.128/25", "172.20.0.0/14", "198.18.0.0/15", "192.168.99.9"}
	if !v4 {
		far = []string{"2001:db8:100::/40", "2001:db8:120::/48", "fd00:20::/32", "fd00:20:1::/48", "2001:db8:120::9"}
	}
	var out []string
	if n.external && g.chance(90) || g.chance(10) {
		out = append(out, "default")
	}
	return append(out, some(g.Rand, far, g.IntN(3))...)
}

func (g *policyGen) zones() {
	var names []string
	for _, n := range g.ifaces {
		names = append(names, n.name)
	}
	for range g.IntN(4) {
		name := g.name("zone")
		if g.add(section{header: "[zone." + name + "]"}.withList("interfaces", some(g.Rand, names, 1+g.IntN(3)))) {
			g.zoned = append(g.zoned, name)
		}
	}
}

func (g *policyGen) schedules() {
	times := []string{
		"00:00-24:00", "mon-fri 08:00-18:00", "sat,sun", "22:00-02:00", "01-01..06-30", "mon 00:00-12:00", "2030-01-01..2030-12-31",
	}
	for range g.IntN(3) {
		name := g.name("hours")
		s := section{header: "[schedule." + name + "]"}.withList("times", some(g.Rand, times, 1+g.IntN(2)))
		if g.chance(20) {
			s = s.withList("except", []string{"12-24..12-26", "2026-11-23"})
		}
		if g.add(s) {
			g.scheduled = append(g.scheduled, name)
		}
	}
}

// system draws who administers the gateway.
func (g *policyGen) system() {
	s := section{header: "[system]"}.with("log_default", "false")
	if g.chance(40) {
		s = s.withList("admin", g.addressTerms(2))
	}
	if g.chance(30) {
		s = s.withList("admin_ports", some(g.Rand, g.ports, 2))
	}
	if g.chance(30) {
		s = s.with("timezone", quoted(pick(g.Rand, []string{"Europe/Paris", "America/New_York", "Asia/Kolkata"})))
	}
	if !g.add(s) {
		g.add(section{header: "[system]"}.with("log_default", "false"))
	}
}

// parsed is a policy that has to be one.
func parsed(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(text)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRandomPolicies holds the generator to what it promises: the same policy
// from the same seed, and all sorts of them.
func TestRandomPolicies(t *testing.T) {
	const policies = 200
	seen := map[string]int{}
	rulesOf := map[int]bool{}
	for seed := range uint64(policies) {
		p := randomPolicy(seed)
		if p.String() != randomPolicy(seed).String() {
			t.Fatalf("seed %d draws two policies", seed)
		}
		c, err := p.parse()
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p)
		}
		rulesOf[len(c.Rules)] = true
		for _, s := range p {
			for _, k := range s.keys {
				seen[s.header[:min(5, len(s.header))]+" "+k.name]++
			}
		}
	}
	if len(rulesOf) < 30 {
		t.Errorf("only %d sizes of policies", len(rulesOf))
	}
	for _, key := range []string{
		"from", "to", "source", "destination", "protocol", "port", "source_port", "icmp", "tcp_flags", "schedule", "log", "disabled", "limits",
	} {
		if seen["[[rul "+key] < 10 {
			t.Errorf("rule.%s stands in %d of %d policies", key, seen["[[rul "+key], policies)
		}
	}
	for _, key := range []string{
		"[[por target_port", "[[por destination", "[[por pass", "[[one external", "[[pre external", "[[out address", "[nat] reflection", "[syst admin", "[[rou metric",
		"[[por spread", "[[por weights", "[[por check", "[[por reflection", "[[one reflection", "[nat] helpers", "[[vip address",
		"[[out pool", "[[out spread", "[[out source_port", "[[out translated_ports", "[[out static_port",
	} {
		if seen[key] < 5 {
			t.Errorf("%q stands in %d of %d policies", key, seen[key], policies)
		}
	}
}
