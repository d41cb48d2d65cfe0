package firewall

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// bed is a gateway whose devices all end in the test. One policy after the
// other runs on it, put there by the parts that the daemon puts it there with.
type bed struct {
	gw     *lab.Host
	tuns   map[string]*lab.Tun // by device
	kernel *nft.Netlink
	table  table
	links  *links.Owner
	flows  *flows.Kernel
}

// bedDevices are the devices that drawn policies name.
func bedDevices() []string { return []string{"wan0", "lan0", "dmz0", "wan20", "guest0"} }

func newBed(t *testing.T) *bed {
	t.Helper()
	b := bedOn(t, lab.Test(t).Host("gw"))
	// The kernel would drop a packet from one of its own addresses by itself, before the ruleset can.
	b.gw.Sysctl("net.ipv4.conf.all.accept_local", "1")
	// Linux computes the checksum of UDP-Lite as if it were UDP, and finds every right one wrong (udplite_error).
	b.gw.Sysctl("net.netfilter.nf_conntrack_checksum", "0")
	for _, dev := range bedDevices() {
		b.tuns[dev] = b.gw.Tun(dev)
	}
	return b
}

// bedOn makes a host the gateway.
func bedOn(t *testing.T, gw *lab.Host) *bed {
	t.Helper()
	b := &bed{gw: gw, tuns: map[string]*lab.Tun{}}
	ns, err := os.Open(filepath.Join("/run/netns", b.gw.Namespace()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	network, err := links.OpenNetlinkAt(netns.NsHandle(ns.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	b.kernel = nft.Open(TableName).In(int(ns.Fd()))
	b.links = links.New(network, filepath.Join(t.TempDir(), "links.json"), hclog.NewNullLogger())
	if err := b.gw.Do(func() (err error) { b.flows, err = flows.Open(); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.flows.Close() })
	return b
}

// run makes a policy run: the ruleset first, then addresses and routes, then
// what its dynamic aliases have learned.
func (b *bed) run(t *testing.T, o *oracle) error {
	t.Helper()
	if err := b.table.put(t.Context(), b.kernel, o.ruleset); err != nil {
		return err
	}
	if _, err := b.links.Apply(t.Context(), Network(o.w)); err != nil {
		return err
	}
	var batch nft.Batch
	for name, s := range o.w.Dynamic {
		for _, f := range []rules.Family{rules.V4, rules.V6} {
			i := slices.IndexFunc(o.ruleset.Sets, func(set nft.Set) bool { return set.Name == rules.SetName("alias", name, f) })
			if elements := elementsOf(s, f); len(elements) > 0 {
				batch = append(batch, nft.AddElements{Table: TableName, Set: o.ruleset.Sets[i], Elements: elements})
			}
		}
	}
	return b.kernel.Commit(t.Context(), batch, 0)
}

// forget ends all flows at once.
func (b *bed) forget() error {
	return b.gw.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) })
}

// drain throws away what has left and nobody looked at.
func (b *bed) drain() error {
	for _, tun := range b.tuns {
		if _, err := tun.Left(); err != nil {
			return err
		}
	}
	return nil
}

// passage is what the kernel made of one batch of packets.
type passage struct {
	left     map[uint32][]departure // by number
	counters map[string]uint64      // those that moved
	marks    map[flows.Tuple]uint32 // of the flows that stand
}

type departure struct {
	sighting
	device string
}

// send takes packets through the gateway, the i-th with the number i+1.
func (b *bed) send(t *testing.T, o *oracle, packets []rules.Packet) (*passage, error) {
	t.Helper()
	if err := b.forget(); err != nil {
		return nil, err
	}
	if err := b.drain(); err != nil {
		return nil, err
	}
	before, err := b.kernel.Counters(t.Context())
	if err != nil {
		return nil, err
	}
	for i, p := range packets {
		if err := b.tuns[o.w.Device(p.In)].Inject(frame(p, uint32(i+1))); err != nil {
			return nil, err
		}
	}
	after, err := b.kernel.Counters(t.Context())
	if err != nil {
		return nil, err
	}
	out := &passage{left: map[uint32][]departure{}, counters: map[string]uint64{}, marks: map[flows.Tuple]uint32{}}
	for name, c := range after {
		if n := c.Packets - before[name].Packets; n > 0 {
			out.counters[name] = n
		}
	}
	standing, err := b.flows.List(t.Context(), nil)
	if err != nil {
		return nil, err
	}
	for _, f := range standing {
		out.marks[f.Orig] = f.Mark
	}
	return out, b.collect(out)
}

// collect reads what has left by all devices.
func (b *bed) collect(out *passage) error {
	for device, tun := range b.tuns {
		packets, err := tun.Left()
		if err != nil {
			return err
		}
		for _, raw := range packets {
			if s, ok := seen(raw); ok {
				out.left[s.id] = append(out.left[s.id], departure{s, device})
			}
		}
	}
	return nil
}

// tupleOf is a packet as conntrack names its flow.
func tupleOf(p rules.Packet, id uint32) flows.Tuple {
	t := flows.Tuple{
		Proto: flows.Proto(p.Protocol),
		Src:   netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
	}
	if p.Protocol == config.ICMP || p.Protocol == config.ICMPv6 {
		t.ICMP = flows.ICMP{ID: uint16(id), Type: p.ICMPType, Code: p.ICMPCode}
	}
	return t
}
