package firewall

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// benchShape is the make-up of a filter set after the parameters of ClassBench
// (Taylor, Turner: ClassBench: A Packet Classification Benchmark, INFOCOM 2005):
// which protocols, which classes of ports and which lengths of prefixes, each
// with its weight, and how much the addresses crowd together. The weights are
// round figures of our own that make the three kinds of sets of the paper.
type benchShape struct {
	protocols            []weighted[string]
	sources              []weighted[portClass]
	destinations         []weighted[portClass]
	sourceBits, destBits []weighted[int]
	skew                 int // percent that goes into the heavier half of a network
	from                 []string
}

type weighted[T any] struct {
	weight int
	value  T
}

// portClass is one of the five classes into which ClassBench sorts port ranges.
type portClass int

const (
	portAny       portClass = iota // WC: wildcard
	portHigh                       // HI: 1024 to 65535
	portLow                        // LO: up to 1023
	portArbitrary                  // AR: any other range
	portExact                      // EM: one port
)

// benchShapes are access lists of routers (long source prefixes, exact
// destinations, services by number), rule sets of firewalls (many wildcards,
// short prefixes) and chains of Linux (a mixture of both).
func benchShapes() map[string]benchShape {
	return map[string]benchShape{
		"acl": {
			protocols:    []weighted[string]{{75, "tcp"}, {15, "udp"}, {4, "icmp"}, {6, ""}},
			sources:      []weighted[portClass]{{98, portAny}, {1, portHigh}, {1, portExact}},
			destinations: []weighted[portClass]{{22, portAny}, {6, portHigh}, {2, portLow}, {14, portArbitrary}, {56, portExact}},
			sourceBits:   []weighted[int]{{4, 0}, {6, 16}, {10, 21}, {30, 24}, {20, 28}, {30, 32}},
			destBits:     []weighted[int]{{2, 0}, {8, 16}, {15, 24}, {15, 28}, {60, 32}},
			skew:         75, from: []string{"lan"},
		},
		"fw": {
			protocols:    []weighted[string]{{55, "tcp"}, {22, "udp"}, {8, "icmp"}, {12, ""}, {3, "gre"}},
			sources:      []weighted[portClass]{{70, portAny}, {22, portHigh}, {3, portArbitrary}, {5, portExact}},
			destinations: []weighted[portClass]{{34, portAny}, {12, portHigh}, {4, portLow}, {12, portArbitrary}, {38, portExact}},
			sourceBits:   []weighted[int]{{45, 0}, {8, 8}, {10, 16}, {15, 24}, {22, 32}},
			destBits:     []weighted[int]{{25, 0}, {5, 8}, {12, 16}, {18, 24}, {40, 32}},
			skew:         65, from: []string{"lan", "wan", "dmz", ""},
		},
		"ipc": {
			protocols:    []weighted[string]{{50, "tcp"}, {30, "udp"}, {6, "icmp"}, {12, ""}, {2, "esp"}},
			sources:      []weighted[portClass]{{75, portAny}, {12, portHigh}, {4, portArbitrary}, {9, portExact}},
			destinations: []weighted[portClass]{{40, portAny}, {8, portHigh}, {6, portLow}, {10, portArbitrary}, {36, portExact}},
			sourceBits:   []weighted[int]{{15, 0}, {10, 16}, {10, 19}, {25, 24}, {10, 27}, {30, 32}},
			destBits:     []weighted[int]{{10, 0}, {10, 16}, {25, 24}, {10, 30}, {45, 32}},
			skew:         70, from: []string{"lan", "lan", "dmz", ""},
		},
	}
}

// benchBase is the gateway under a ClassBench set: every address is behind wan,
// no source is refused, and nothing is translated.
const benchBase = `schema = 1

[system]
log_default = false

[nat]
outbound = "off"

[interface.wan]
device = "wan0"
addresses = ["203.0.113.2/24"]

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24"]

[interface.dmz]
device = "dmz0"
addresses = ["10.1.3.1/24"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[[route]]
destination = "default"
gateway = "fibre"
`

// classBench is a policy of n rules of one of the shapes acl, fw and ipc. No
// two rules look at the same packets; the same seed gives the same policy.
func classBench(shape string, n int, seed uint64) string {
	s, ok := benchShapes()[shape]
	if !ok {
		panic("no shape " + shape)
	}
	g := rand.New(rand.NewPCG(seed, uint64(len(shape))<<32|uint64(shape[0])))
	seen := map[string]bool{}
	var b strings.Builder
	b.WriteString(benchBase)
	for i := 0; i < n; {
		match := s.match(g)
		if seen[match] {
			continue
		}
		seen[match] = true
		fmt.Fprintf(&b, "\n[[rule]]\nname = \"%s%d\"\n%saction = %q\n", shape, i, match, pick(g, []string{"pass", "pass", "block"}))
		i++
	}
	return b.String()
}

// match is what one rule looks at.
func (s benchShape) match(g *rand.Rand) string {
	var b strings.Builder
	if from := pick(g, s.from); from != "" {
		fmt.Fprintf(&b, "from = %q\n", from)
	}
	if bits := draw(g, s.sourceBits); bits > 0 {
		fmt.Fprintf(&b, "source = %q\n", s.network(g, bits, "source"))
	}
	if bits := draw(g, s.destBits); bits > 0 {
		fmt.Fprintf(&b, "destination = %q\n", s.network(g, bits, "destination"))
	}
	protocol := draw(g, s.protocols)
	if protocol == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "protocol = %q\n", protocol)
	if protocol == "icmp" && g.IntN(2) == 0 {
		fmt.Fprintf(&b, "icmp = [\"%d\"]\n", pick(g, []int{8, 13, 17}))
	}
	if protocol == "tcp" || protocol == "udp" {
		b.WriteString(portKey(g, "source_port", draw(g, s.sources)))
		b.WriteString(portKey(g, "port", draw(g, s.destinations)))
	}
	return b.String()
}

// draw takes a value by its weight.
func draw[T any](g *rand.Rand, all []weighted[T]) T {
	sum := 0
	for _, w := range all {
		sum += w.weight
	}
	n := g.IntN(sum)
	for _, w := range all {
		if n -= w.weight; n < 0 {
			return w.value
		}
	}
	return all[0].value
}

// network goes down the tree of prefixes: one half of each network is heavier
// than the other, always the same one, so that prefixes nest and repeat as they
// do in real sets.
func (s benchShape) network(g *rand.Rand, bits int, of string) string {
	var a uint32
	for i := range bits {
		h := fnv.New32a()
		fmt.Fprint(h, of, i, a)
		bit := h.Sum32() >> 7 & 1
		if g.IntN(100) >= s.skew {
			bit ^= 1
		}
		a |= bit << (31 - i)
	}
	if of == "destination" {
		a |= 8 << 28 // apart from our own networks
		a &^= 4 << 28
	}
	at := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, a)))
	return netip.PrefixFrom(at, bits).Masked().String()
}

func portKey(g *rand.Rand, key string, class portClass) string {
	low, high := 0, 0
	switch class {
	case portAny:
		return ""
	case portHigh:
		low, high = 1024, 65535
	case portLow:
		low, high = 1, 1023
	case portArbitrary:
		low = 1 + g.IntN(60_000)
		high = low + 1 + g.IntN(500)
	case portExact:
		low = pick(g, []int{22, 25, 53, 80, 110, 123, 161, 443, 445, 1433, 1521, 3306, 5060, 8080, 1 + g.IntN(10_000)})
		high = low
	}
	if low == high {
		return fmt.Sprintf("%s = %d\n", key, low)
	}
	return fmt.Sprintf("%s = \"%d-%d\"\n", key, low, high)
}

// TestClassBench holds the sets to their sizes and to being policies.
func TestClassBench(t *testing.T) {
	for shape := range benchShapes() {
		for _, n := range []int{100, 1000} {
			text := classBench(shape, n, 1)
			if text != classBench(shape, n, 1) || text == classBench(shape, n, 2) {
				t.Errorf("%s of %d rules does not follow from its seed", shape, n)
			}
			if c := parsed(t, text); len(c.Rules) != n {
				t.Errorf("%s of %d rules has %d", shape, n, len(c.Rules))
			}
		}
	}
}
