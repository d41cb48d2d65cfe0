package explain_test

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
	"github.com/vishvananda/netns"
	"go4.org/netipx"
)

// gateway is a machine under the policy of testdata. What is said of a packet
// is held against what it does with it.
type gateway struct {
	host *lab.Host
	tuns map[string]*lab.Tun // by interface of the policy
	w    *rules.World
	x    *explain.Explainer
	k    *nft.Netlink
	now  time.Time
}

func newGateway(t *testing.T, w *rules.World) *gateway {
	t.Helper()
	g := &gateway{host: lab.Test(t).Host("gw"), tuns: map[string]*lab.Tun{}, w: w, x: explain.New(w), now: time.Now()}
	g.host.Forward()
	for _, s := range []string{"net.ipv4.icmp_ratelimit", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter", "net.ipv4.conf.all.send_redirects", "net.ipv4.conf.default.send_redirects", "net.ipv6.icmp.ratelimit"} {
		g.host.Sysctl(s, "0")
	}
	g.host.Sysctl("net.ipv4.icmp_msgs_per_sec", "1000000")
	g.host.Sysctl("net.ipv4.icmp_msgs_burst", "1000000")
	g.host.Sysctl("net.netfilter.nf_conntrack_tcp_loose", "1")
	for _, i := range g.w.Config.Interfaces {
		g.tuns[i.Name] = g.host.Tun(i.Device)
		g.host.AddAddr(i.Device, append(g.w.AddressesOf(i), netip.MustParsePrefix("fe80::1/64"))...)
		for _, a := range g.w.Config.HeldOneToOne(i.Name) {
			g.host.AddAddr(i.Device, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	g.route(t)
	g.load(t)
	return g
}

// route gives the machine the routes of the policy as its lines are, and the tables of the lines.
func (g *gateway) route(t *testing.T) {
	t.Helper()
	network, err := links.OpenNetlinkAt(netns.NsHandle(g.space(t).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	owner := links.New(network, filepath.Join(t.TempDir(), "links.json"), hclog.NewNullLogger())
	if _, err := owner.Apply(t.Context(), firewall.Network(g.w)); err != nil {
		t.Fatal(err)
	}
}

// space is the machine's network namespace.
func (g *gateway) space(t *testing.T) *os.File {
	t.Helper()
	var ns *os.File
	if err := g.host.Do(func() (err error) {
		ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// office is the world of the policy of the same name.
func office(t *testing.T) *rules.World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	var listed netipx.IPSetBuilder
	listed.AddPrefix(netip.MustParsePrefix("192.0.2.0/24"))
	drop, err := listed.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	outside := firewall.Outside{Lists: map[string]*netipx.IPSet{"drop_list": drop}}
	return firewall.NewWorld(policy(t), firewall.Learned{Outside: outside}, time.Now())
}

// policy is that of testdata without limits, which a test would run into.
func policy(t *testing.T) *config.Config {
	t.Helper()
	var files [2]config.File
	for i, name := range []string{"rempart.toml", "node.toml"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = config.File{Name: name, Data: data}
	}
	lines := strings.Split(string(files[0].Data), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "limits") })
	files[0].Data = []byte(strings.Join(lines, "\n"))
	c, err := config.Parse(files[0], &files[1])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// load gives the kernel the compiled policy.
func (g *gateway) load(t *testing.T) {
	t.Helper()
	g.k = nft.Open("rempart").In(int(g.space(t).Fd()))
	for _, b := range nft.Plan(nft.State{}, firewall.Compile(g.w)) {
		if err := g.k.Commit(t.Context(), b, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// fate is what the kernel did with a packet.
type fate struct {
	counted []string       // the counters that moved
	left    []lab.Datagram // in the order of the interfaces
	by      []string       // the interface of each
}

// send forgets all flows and has a packet come in.
func (g *gateway) send(t *testing.T, p config.Packet, good func(fate) bool) fate {
	t.Helper()
	if _, err := g.host.Run(t.Context(), "conntrack", "-F"); err != nil {
		t.Fatal(err)
	}
	g.left(t)
	return g.inject(t, p, good)
}

// settles is how long the kernel may take with a packet while others keep it busy.
const settles = time.Second

// inject has a packet come in and waits until its fate is good, or for as long as any may take.
func (g *gateway) inject(t *testing.T, p config.Packet, good func(fate) bool) fate {
	t.Helper()
	before := g.counters(t)
	if err := g.tuns[p.In].Inject(datagram(p).Append(nil)); err != nil {
		t.Fatal(err)
	}
	var out fate
	for deadline := time.Now().Add(settles); ; {
		more := g.left(t)
		out.left, out.by, out.counted = append(out.left, more.left...), append(out.by, more.by...), nil
		for name, n := range g.counters(t) {
			if n != before[name] {
				out.counted = append(out.counted, name)
			}
		}
		if good(out) || time.Now().After(deadline) {
			slices.Sort(out.counted)
			return out
		}
	}
}

// left is what has left by any interface.
func (g *gateway) left(t *testing.T) fate {
	t.Helper()
	var out fate
	for _, i := range g.w.Config.Interfaces {
		packets, err := g.tuns[i.Name].Left()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range packets {
			d, err := lab.ParseDatagram(b)
			if err != nil {
				t.Fatal(err)
			}
			if d.Protocol == lab.ICMP6 && len(d.Payload) > 0 && d.Payload[0] == redirect || d.Protocol == 0 {
				continue // the gateway says that there is a shorter way, or which groups it listens to
			}
			out.left, out.by = append(out.left, d), append(out.by, i.Name)
		}
	}
	return out
}

func (g *gateway) counters(t *testing.T) map[string]uint64 {
	t.Helper()
	all, err := g.k.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]uint64, len(all))
	for name, c := range all {
		out[name] = c.Packets
	}
	return out
}

// redirect is the type of ICMPv6 that tells a sender of a shorter way.
const redirect = 137

// datagram is the packet on the wire.
func datagram(p config.Packet) lab.Datagram {
	d := lab.Datagram{
		Src: netip.AddrPortFrom(p.Src, p.SrcPort), Dst: netip.AddrPortFrom(p.Dst, p.DstPort),
		Protocol: lab.Protocol(p.Protocol), TTL: 255, Flags: lab.Flags(p.TCPFlags),
	}
	if p.Protocol == config.ICMPv6 && slices.Contains([]uint8{130, 131, 132, 143}, p.ICMPType) {
		d.TTL = 1 // RFC 2710, 3
	}
	switch {
	case p.Protocol == config.TCP && p.TCPFlags == 0:
		d.Flags = 0x02
	case p.Protocol == config.ICMP || p.Protocol == config.ICMPv6:
		d.Payload = make([]byte, 32)
		d.Payload[0], d.Payload[1] = p.ICMPType, p.ICMPCode
	case !p.Protocol.HasPorts():
		d.Payload = make([]byte, 16)
	}
	return d
}

// counter is what an explanation says will count the packet; empty: nothing does.
func counter(e report.Explanation) string {
	switch e.Cause {
	case "rule":
		return rules.RuleCounter(e.Rule)
	case "admin":
		return rules.CounterAdmin
	case "automatic":
		return rules.CounterNeighbour
	case "forward":
		return rules.CounterForwarded
	case string(explain.CauseMartian), string(explain.CauseNoRoute):
		return ""
	}
	return "block_" + e.Cause
}

// judge says how the fate of a packet differs from what is said of it.
func judge(w *rules.World, p config.Packet, e report.Explanation, f fate) string {
	if want := counter(e); want != "" && !slices.Contains(f.counted, want) {
		return "not counted by " + want
	} else if want == "" && slices.ContainsFunc(f.counted, decides) {
		return "rules were asked"
	}
	local := e.Verdict == "pass" && e.Self
	// Who sends as the gateway, or from where no way leads back, cannot be told.
	deaf := slices.Contains(w.OwnAddresses(""), p.Src) || w.RouteTo(p.Src) == "" && !p.Src.IsLinkLocalUnicast()
	switch {
	case local: // what the gateway answers is its own affair
	case e.Verdict == "block" && len(f.left) > 0:
		return "something left"
	case e.Verdict == "reject" && !deaf && (len(f.left) != 1 || f.left[0].Dst.Addr() != p.Src):
		return "its sender was not told"
	case e.Verdict == "pass" && (len(f.left) != 1 || !leftAs(e, f)):
		return "it did not leave so"
	}
	return ""
}

// leftAs says whether the one packet that left did so by a way that is told.
func leftAs(e report.Explanation, f fate) bool {
	ways := e.Ways
	if len(ways) == 0 {
		ways = []report.Way{{Interface: e.Interface, Source: e.Source, Sources: e.Sources}}
	}
	return isOne(f.left[0].Dst, e.Destination, e.Targets) && slices.ContainsFunc(ways, func(w report.Way) bool {
		return w.Interface == f.by[0] && isOne(f.left[0].Src, w.Source, w.Sources)
	})
}

// isOne says whether an end is the one that is told, or another of those that it
// stands for; port 0 stands for some.
func isOne(got, told netip.AddrPort, among []netip.Addr) bool {
	return (got.Addr() == told.Addr() || slices.Contains(among, got.Addr())) && (told.Port() == 0 || got.Port() == told.Port())
}

// decides says whether a counter is one that decides, not one that translates.
func decides(counter string) bool {
	return strings.HasPrefix(counter, "block_") || counter == rules.CounterAdmin || counter == rules.CounterForwarded
}

// TestKernel asks about packets of all kinds, and sends them.
func TestKernel(t *testing.T) {
	g := newGateway(t, office(t))
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	seen := map[string]int{}
	for n := range 800 {
		p := draw(r)
		e := g.x.Explain(p, g.now, false)
		f := g.send(t, p, func(f fate) bool { return judge(g.w, p, e, f) == "" })
		seen[e.Verdict+" "+e.Cause]++
		if says := judge(g.w, p, e, f); says != "" {
			t.Errorf("seed %d, packet %d: %s\ncounted by %s\nleft by %s: %v\n%s", seed, n, says, f.counted, f.by, f.left, strings.Join(explain.Text(e, 0), "\n"))
		}
		if !t.Failed() && e.Verdict == "pass" && !e.Self && e.Established {
			g.reply(t, p, e)
		}
		if t.Failed() && n > 300 {
			break
		}
	}
	t.Log(seen)
	for _, want := range []string{"pass rule", "pass forward", "pass admin", "pass automatic", "reject rule", "block rule", "block default",
		"block invalid", "block nosyn", "block spoofed", "block bogon", "block martian", "reject martian", "reject noroute"} {
		if seen[want] == 0 {
			t.Errorf("no packet was drawn for %q", want)
		}
	}
}

// reply sends the answer to a packet that has left as e says.
func (g *gateway) reply(t *testing.T, p config.Packet, e report.Explanation) {
	t.Helper()
	answer := config.Packet{
		In: e.Interface, Protocol: p.Protocol, Src: e.Destination.Addr(), Dst: e.Source.Addr(),
		SrcPort: e.Destination.Port(), DstPort: e.Source.Port(), TCPFlags: 0x12, ICMPType: answerType(p),
	}
	want := g.x.Explain(p, g.now, true)
	if want.Self {
		g.inject(t, answer, func(fate) bool { return true })
		return
	}
	good := func(f fate) bool {
		if want.Verdict == "reject" {
			return len(f.left) == 1 && f.left[0].Dst.Addr() == answer.Src
		}
		return len(f.left) == 1 && f.by[0] == want.Interface && f.left[0].Src == want.Source && f.left[0].Dst == want.Destination
	}
	if f := g.inject(t, answer, good); !good(f) {
		t.Errorf("the reply to %s left by %s: %v\n%s", p, f.by, f.left, strings.Join(explain.Text(want, 0), "\n"))
	}
}

// answerType is the type of ICMP that answers.
func answerType(p config.Packet) uint8 {
	switch {
	case p.Protocol == config.ICMP && p.ICMPType == 8:
		return 0
	case p.Protocol == config.ICMP:
		return p.ICMPType + 1
	}
	return p.ICMPType + 1
}

// neighbours are who honestly sends by an interface: IPv6 and IPv4.
var neighbours = map[string][2][2]string{
	"wan": {{"2001:db8:8::9", "2001:db8:8::8"}, {"198.51.100.7", "192.0.2.7"}},
	"lan": {{"2001:db8:2::9", "fe80::9"}, {"10.1.2.9", "10.1.2.10"}},
	"dmz": {{"fd00:1:3::9", "fe80::9"}, {"10.1.3.10", "10.1.3.20"}},
}

// draw makes a packet out of what the policy speaks of and what lies beside.
func draw(r *rand.Rand) (p config.Packet) {
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	p.In = one("wan", "lan", "dmz")
	defer func() {
		if r.IntN(2) == 0 { // who lives there
			p.Src = netip.MustParseAddr(neighbours[p.In][p.Src.BitLen()/32%2][r.IntN(2)])
		}
	}()
	if r.IntN(5) < 3 {
		p.Src = netip.MustParseAddr(one("10.1.2.9", "10.1.2.10", "10.1.3.10", "10.1.3.20", "10.1.3.29", "10.1.3.99", "198.51.100.7", "198.51.100.8", "203.0.113.1",
			"10.20.0.9", "203.0.113.2", "10.1.2.1", "203.0.113.4", "192.168.7.7", "240.0.0.1", "127.0.0.1", "0.0.0.0", "0.0.0.7", "224.0.0.5", "255.255.255.255"))
		p.Dst = netip.MustParseAddr(one("10.1.2.9", "10.1.2.1", "10.1.2.255", "10.1.3.10", "10.1.3.29", "10.1.3.99", "198.51.100.7", "203.0.113.2", "203.0.113.2",
			"203.0.113.6", "203.0.113.4", "203.0.113.1", "10.20.0.9", "224.0.0.1", "255.255.255.255", "127.0.0.1", "0.0.0.7"))
		p.Protocol = []config.Protocol{config.TCP, config.UDP, config.TCP, config.ICMP, 47}[r.IntN(5)]
		p.ICMPType = []uint8{8, 8, 0, 13, 3}[r.IntN(5)]
	} else {
		p.Src = netip.MustParseAddr(one("2001:db8:2::9", "fd00:1:3::9", "2001:db8:8::9", "fe80::9", "2001:db8:ff::1", "2001:db8:2::1", "::", "::1", "ff02::5", "fc00::9"))
		p.Dst = netip.MustParseAddr(one("2001:db8:2::9", "2001:db8:2::1", "fd00:1:3::9", "2001:db8:f00::9", "2001:db8:8::9", "2001:db8:ff::2", "2001:db8:ff::9", "fe80::1", "ff02::1", "2001:db8:9::9", "::1"))
		p.Protocol = []config.Protocol{config.TCP, config.UDP, config.TCP, config.ICMPv6, 47}[r.IntN(5)]
		p.ICMPType = []uint8{128, 128, 129, 135, 131, 1, 137}[r.IntN(7)]
	}
	if p.Protocol.HasPorts() {
		p.SrcPort = []uint16{40000, 99}[r.IntN(2)]
		p.DstPort = []uint16{22, 25, 53, 80, 443, 443, 587, 8080, 9001}[r.IntN(9)]
	}
	if p.Protocol == config.TCP {
		p.TCPFlags = []uint8{0, 0, 0, 0, 0x10, 0x12, 0x04, 0x11, 0xc2}[r.IntN(9)]
	}
	if p.Protocol != config.ICMP && p.Protocol != config.ICMPv6 {
		p.ICMPType = 0
	}
	return p
}
