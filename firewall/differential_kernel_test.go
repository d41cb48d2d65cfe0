package firewall

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// perBatch is how many packets go through the kernel before anybody looks.
const perBatch = 1500

// mostShrinking bounds how long a failing policy, or its packets, are made fewer.
const mostShrinking = 30 * time.Second

// TestDifferentialKernel asks the kernel itself: policies run in a namespace,
// and real packets have to become what the policies say, with the same counters
// moved and the same marks on their flows.
func TestDifferentialKernel(t *testing.T) {
	b := newBed(t)
	begin := time.Now()
	packets, policies, failures := 0, 0, 0
	seeds := *firstSeed
	if *oneSeed != 0 {
		seeds = *oneSeed
	}
	for ; packets < kernelPackets && failures < mostFailures; seeds++ {
		n, f := b.differ(t, seeds)
		packets += n
		policies++
		if f != nil {
			failures++
			t.Error(f)
		}
		if *oneSeed != 0 {
			break
		}
	}
	t.Logf("%d packets on %d policies in %s", packets, policies, time.Since(begin).Round(time.Millisecond))
}

// differ sends the packets of one seed.
func (b *bed) differ(t *testing.T, seed uint64) (packets int, _ *failure) {
	t.Helper()
	p := randomPolicy(seed)
	c, err := p.parse()
	if err != nil {
		return 0, &failure{seed: seed, policy: p, says: err.Error()}
	}
	w := drawnWorld(c, time.Now())
	if turnsSoon(w) || len(w.Addresses) > 0 { // nobody keeps addresses on the devices but the policy
		return 0, nil
	}
	o := newOracle(w)
	if err := b.run(t, o); err != nil {
		return 0, (&failure{seed: seed, policy: p, says: err.Error()}).shrunkBy(func(p policyText) string { return b.refuses(t, p) })
	}
	one := b.batch(o, newPacketGen(seed, w, time.Now(), false), perBatch)
	if says := b.check(t, o, one); says != "" {
		return len(one.packets), b.explain(t, seed, p, o, one, says)
	}
	return len(one.packets), nil
}

// batch draws packets.
func (b *bed) batch(o *oracle, g *packetGen, n int) *batch {
	out := &batch{taken: map[flowKey]bool{}}
	for range n {
		out.add(o, g.packet())
	}
	return out
}

// check sends a batch and says what was wrong.
func (b *bed) check(t *testing.T, o *oracle, one *batch) string {
	t.Helper()
	got, err := b.send(t, o, one.packets)
	if err != nil {
		return err.Error()
	}
	return reportOf(one.judge(got))
}

// explain finds the packets that are at fault, mostly one, and a small policy for them.
func (b *bed) explain(t *testing.T, seed uint64, p policyText, o *oracle, one *batch, says string) *failure {
	t.Helper()
	patience := time.Now().Add(mostShrinking)
	one = one.shrunk(func(fewer *batch) bool { return time.Now().Before(patience) && b.check(t, o, fewer) != "" })
	f := &failure{seed: seed, policy: p, packets: one.packets, says: "not the same each time:\n" + says}
	patience = time.Now().Add(mostShrinking)
	return f.shrunkBy(func(p policyText) string {
		if time.Now().After(patience) {
			return ""
		}
		return b.under(t, p, f.packets)
	})
}

// under says what is wrong with some packets under a policy.
func (b *bed) under(t *testing.T, p policyText, packets []rules.Packet) string {
	c, err := p.parse()
	if err != nil || !known(c, packets) {
		return ""
	}
	o := newOracle(drawnWorld(c, time.Now()))
	if err := b.run(t, o); err != nil {
		return "" // another fault
	}
	one := &batch{taken: map[flowKey]bool{}}
	for _, q := range packets {
		one.add(o, q)
	}
	return b.check(t, o, one)
}

// refuses is why the machine does not take a policy.
func (b *bed) refuses(t *testing.T, p policyText) string {
	c, err := p.parse()
	if err != nil {
		return ""
	}
	if err := b.run(t, newOracle(drawnWorld(c, time.Now()))); err != nil {
		return err.Error()
	}
	return ""
}

// turnsSoon says whether a schedule goes on or off while packets are on their way.
func turnsSoon(w *rules.World) bool {
	const soon = 2 * time.Minute
	now := time.Now()
	for name := range w.Schedules {
		if w.Active(name, now.Add(-soon)) != w.Active(name, now.Add(soon)) {
			return true
		}
	}
	return false
}

// TestDifferentialKernelClassBench does the same with long rule sets.
func TestDifferentialKernelClassBench(t *testing.T) {
	b := newBed(t)
	for _, shape := range slices.Sorted(maps.Keys(benchShapes())) {
		for _, n := range []int{100, 1000, 10_000} {
			if n > classBenchRules {
				continue
			}
			w := drawnWorld(parsed(t, classBench(shape, n, 1)), time.Now())
			o := newOracle(w)
			begin := time.Now()
			if err := b.run(t, o); err != nil {
				t.Fatalf("%s of %d rules: %v", shape, n, err)
			}
			loaded := time.Since(begin)
			one := b.batch(o, newPacketGen(1, w, time.Now(), false), perBatch)
			if says := b.check(t, o, one); says != "" {
				t.Errorf("%s of %d rules: %s", shape, n, says)
			}
			t.Logf("%s of %d rules: loaded in %s, %d packets", shape, n, loaded.Round(time.Millisecond), len(one.packets))
		}
	}
}

// answerable says whether the kernel tells anybody what became of a packet: not
// about those to many, nor to senders that it has no way to. Of protocols that it
// does not know it would first see a checksum over all of the packet.
func answerable(o *oracle, p rules.Packet, arrived netip.Addr) bool {
	device, local := o.route(p.Src)
	redirect := p.Protocol == config.ICMPv6 && p.ICMPType == 137
	return !local && device != "" && p.Protocol != ospf && !redirect && !o.broadcasts.Contains(arrived)
}

const ospf config.Protocol = 89

// broadcasts is the addresses of everybody in the networks of a policy.
func broadcasts(w *rules.World) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.Add(netip.AddrFrom4([4]byte{255, 255, 255, 255}))
	for _, i := range w.Config.Interfaces {
		for _, p := range w.Networks(i.Name) {
			if p.Addr().Is4() && p.Bits() < 31 {
				b.Add(netipx.PrefixLastIP(p))
			}
		}
	}
	return finished(&b)
}
