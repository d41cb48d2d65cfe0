package firewall

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/nft"
)

// onePort and ports are what a rule of policyOf has to say of its port. A list
// becomes an anonymous set, and what those cost grows with their square.
const (
	onePort = `%d`
	ports   = `[%d, "8000-8080"]`
)

// policyOf is a policy with rules of the kind that people write, and an alias
// of addresses that the first of them blocks.
func policyOf(rules int, port string, addresses []string) string {
	var b strings.Builder
	b.WriteString(base)
	if len(addresses) > 0 {
		fmt.Fprintf(&b, "\n[alias.listed]\naddresses = [\n\"%s\"]\n", strings.Join(addresses, "\",\n\""))
		b.WriteString("\n[[rule]]\nname = \"drop-listed\"\nfrom = \"wan\"\nsource = \"@listed\"\naction = \"block\"\n")
	}
	b.WriteString(ruleList(rules, port))
	return b.String()
}

// ruleList is rules from lan to wan, each for another network.
func ruleList(n int, port string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
[[rule]]
name = "r%d"
from = "lan"
to = "wan"
source = "10.1.2.%d"
destination = "10.%d.%d.0/24"
protocol = "tcp"
port = %s
action = "pass"
`, i, i%256, 100+i/256, i%256, fmt.Sprintf(port, i%7999+1))
	}
	return b.String()
}

// listed is n networks from a given one on, none of which touches another.
func listed(from, n int) []string {
	all := make([]string, n)
	for i := range all {
		at := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(from+i)*1024+20<<24)))
		all[i] = netip.PrefixFrom(at, 32-4*(i%2)).String()
	}
	return all
}

func compiled(t testing.TB, policy string) nft.Ruleset {
	t.Helper()
	return Compile(benchWorld(t, policy))
}

// BenchmarkCompile turns 10,000 parsed rules into a ruleset.
func BenchmarkCompile(b *testing.B) {
	policies := map[string]string{"list-10000": policyOf(10_000, onePort, nil)}
	for shape := range benchShapes() {
		policies[shape+"-10000"] = classBench(shape, 10_000, 1)
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		b.Run(name, func(b *testing.B) {
			c := parsed(b, policies[name])
			b.ReportAllocs()
			var r nft.Ruleset
			used := processorTime(b)
			for b.Loop() {
				r = Compile(NewWorld(c, Learned{}, compileTime))
			}
			b.ReportMetric(float64((processorTime(b)-used).Milliseconds())/float64(b.N), "cpu-ms/op")
			rules, elements := 0, 0
			for _, c := range r.Chains {
				rules += len(c.Rules)
			}
			for _, s := range r.Sets {
				elements += len(s.Elements)
			}
			b.ReportMetric(float64(len(r.Chains)), "chains")
			b.ReportMetric(float64(rules), "rules")
			b.ReportMetric(float64(elements), "elements")
		})
	}
}

func BenchmarkPrint10000Rules(b *testing.B) {
	ruleset := compiled(b, policyOf(10_000, onePort, nil))
	b.SetBytes(int64(len(ruleset.String())))
	b.ReportAllocs()
	for b.Loop() {
		_ = ruleset.String()
	}
}
