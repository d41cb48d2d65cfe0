package analysis

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// accessList is a policy of many rules as access lists of routers have them:
// sources and destinations from nested networks, services by number, and here
// and there a rule for a whole network. After Taylor and Turner (ClassBench).
func accessList(rules int) string {
	r := rand.New(rand.NewPCG(11, 12))
	network := func(first byte) string {
		bits := []int{20, 24, 24, 28, 30, 32, 32, 32}[r.IntN(8)]
		// Few networks hold most addresses, so that rules nest and overlap.
		a := netip.AddrFrom4([4]byte{first, byte(r.ExpFloat64() * 12), byte(r.ExpFloat64() * 40), byte(r.IntN(256))})
		return netip.PrefixFrom(a, bits).Masked().String()
	}
	var b strings.Builder
	b.WriteString(office)
	for n := range rules {
		keys := []string{`from = "lan"`}
		ends := r.IntN(12)
		if ends != 0 {
			keys = append(keys, fmt.Sprintf("source = %q", network(10)))
		}
		if ends != 1 {
			keys = append(keys, fmt.Sprintf("destination = %q", network(198)))
		}
		switch r.IntN(8) {
		case 0:
			keys = append(keys, `protocol = "icmp"`)
		case 1:
			keys = append(keys, `protocol = "udp"`, `port = "1024-65535"`)
		case 2:
		default:
			keys = append(keys, `protocol = "tcp"`, fmt.Sprintf("port = %d", []int{22, 25, 53, 80, 443, 3306, 1 + r.IntN(10_000)}[r.IntN(7)]))
		}
		b.WriteString(rule(fmt.Sprintf("acl%d", n), []string{"pass", "pass", "block"}[r.IntN(3)], strings.Join(keys, "; ")))
	}
	return b.String()
}

func BenchmarkFindings(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		w := world(b, accessList(n))
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			for b.Loop() {
				if found := len(Findings(w)); found == 0 || found > n/2 {
					b.Fatalf("%d findings: these are not rules that people write", found)
				}
			}
		})
	}
}

// BenchmarkChanges edits one rule in the middle.
func BenchmarkChanges(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		policy := accessList(n)
		middle := fmt.Sprintf("name = \"acl%d\"\n", n/2)
		old, new := world(b, policy), world(b, strings.Replace(policy, middle, middle+"disabled = true\n", 1))
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			for b.Loop() {
				Changes(old, new)
			}
		})
	}
}
