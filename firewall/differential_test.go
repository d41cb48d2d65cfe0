package firewall

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
)

// A failing seed is tried again alone with
//
//	go test ./firewall -run TestDifferential -seed 17
//
// and -from begins a run with seeds that no run has had before.
var (
	oneSeed   = flag.Uint64("seed", 0, "the only policy of the differential tests")
	firstSeed = flag.Uint64("from", 1, "the first policy of the differential tests")
)

// perPolicy and perRule are how many packets a policy is asked about: all its
// corners are come to, and there are many policies.
const (
	perPolicy = 500
	perRule   = 12
)

// mostFailures is how many failures are shown: the next fault is often another one.
const mostFailures = 5

// TestDifferential holds the compiled ruleset against the policy that it was
// made from: on each packet of a great many both have to say the same of
// verdict, deciding rule, route, translation, mark and counters.
func TestDifferential(t *testing.T) {
	if *oneSeed != 0 {
		if _, f := differ(*oneSeed); f != nil {
			t.Error(f)
		}
		return
	}
	begin := time.Now()
	var packets, policies, failures atomic.Int64
	var next atomic.Uint64
	next.Store(*firstSeed)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for failures.Load() < mostFailures && packets.Load() < differentialPackets {
				n, f := differ(next.Add(1) - 1)
				packets.Add(int64(n))
				policies.Add(1)
				if f != nil {
					failures.Add(1)
					t.Error(f)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d packets on %d policies in %s", packets.Load(), policies.Load(), time.Since(begin).Round(time.Millisecond))
}

// differ asks about the packets of one seed.
func differ(seed uint64) (packets int, _ *failure) {
	p := randomPolicy(seed)
	c, err := p.parse()
	if err != nil {
		return 0, &failure{seed: seed, policy: p, says: err.Error()}
	}
	w := drawnWorld(c, compileTime)
	o := newOracle(w)
	g := newPacketGen(seed, w, compileTime, true)
	packets = perPolicy + perRule*len(c.Rules)
	for n := range packets {
		q := g.packet()
		if says := o.disagreement(q); says != "" {
			return n + 1, (&failure{seed: seed, policy: p, packets: []rules.Packet{q}, says: says}).shrunk()
		}
	}
	return packets, nil
}

// failure is packets, mostly one, of which two of policy, ruleset and kernel say different things.
type failure struct {
	seed    uint64
	policy  policyText
	packets []rules.Packet
	says    string
}

// shrunk is the failure with the smallest policy found that still shows it.
func (f *failure) shrunk() *failure {
	return f.shrunkBy(func(p policyText) string {
		c, err := p.parse()
		if err != nil || !known(c, f.packets) {
			return ""
		}
		return newOracle(drawnWorld(c, compileTime)).disagreement(f.packets[0])
	})
}

// shrunkBy is the same for any way to see what is wrong with a policy.
func (f *failure) shrunkBy(wrong func(policyText) string) *failure {
	says := f.says
	small := f.policy.shrunk(func(p policyText) bool {
		now := wrong(p)
		if now != "" {
			says = now
		}
		return now != ""
	})
	return &failure{f.seed, small, f.packets, says}
}

// known says whether all of the packets come in by interfaces of a policy.
func known(c *config.Config, packets []rules.Packet) bool {
	return !slices.ContainsFunc(packets, func(p rules.Packet) bool { return c.Interface(p.In) == nil })
}

// String is all that one needs to look into it.
func (f *failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", f.seed)
	for _, p := range f.packets {
		fmt.Fprintf(&b, "packet %s\n", describe(p))
	}
	return fmt.Sprintf("%s%s\n%s", b.String(), f.says, f.policy)
}

// describe is a packet in one line.
func describe(p rules.Packet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", p.In, p.Protocol, p.Src)
	switch {
	case p.Protocol.HasPorts():
		fmt.Fprintf(&b, " %d -> %s %d", p.SrcPort, p.Dst, p.DstPort)
	case p.Protocol == config.ICMP || p.Protocol == config.ICMPv6:
		fmt.Fprintf(&b, " -> %s type %d code %d", p.Dst, p.ICMPType, p.ICMPCode)
	default:
		fmt.Fprintf(&b, " -> %s", p.Dst)
	}
	if p.Protocol == config.TCP {
		fmt.Fprintf(&b, " flags %#02x", p.TCPFlags)
	}
	return b.String() + " at " + p.At.Format(time.RFC3339)
}

// TestDifferentialClassBench does the same with rule sets of the shapes that
// packet classification is measured with.
func TestDifferentialClassBench(t *testing.T) {
	for shape := range benchShapes() {
		for _, n := range []int{100, 1000, 10_000} {
			t.Run(fmt.Sprintf("%s-%d", shape, n), func(t *testing.T) {
				if n > classBenchRules {
					t.Skip("takes too long under the race detector")
				}
				t.Parallel()
				w := drawnWorld(parsed(t, classBench(shape, n, 1)), compileTime)
				o, g := newOracle(w), newPacketGen(1, w, compileTime, false)
				hit := map[string]bool{}
				for range max(2000, 2_000_000/n/10) {
					q := g.packet()
					if says := o.disagreement(q); says != "" {
						t.Fatalf("packet %s\n%s", describe(q), says)
					}
					hit[strings.Join(o.byRuleset(q).counters, " ")] = true
				}
				if len(hit) < 20 {
					t.Errorf("packets came to only %d ends of the rules", len(hit))
				}
			})
		}
	}
}
