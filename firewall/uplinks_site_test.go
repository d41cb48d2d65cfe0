package firewall

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// uplinks is a gateway with two or three lines to the Internet. Each provider
// routes back the networks of its own line alone, and passes nothing on from other
// sources, so that a packet that takes the wrong line is not answered.
//
//	office 10.1.2.9-11, 2001:db8:2::9 -- lan0 +---------+ wan1 ~~~ fibre ---+
//	server 10.1.3.10-12, 2001:db8:3::10 - dmz0 | gateway | wan2 ~~~ cable ---+-- internet 192.0.2.7-9
//	public 203.0.113.66, 2001:db8:5::66 - pub0 +---------+ wan3 ~~~ radio ---+   2001:db8:ff::7-9
//
// The addresses of public are its own wherever it is connected: both families of
// them leave untranslated, and the Internet sends them where routePublic says.
type uplinks struct {
	*site
	public *lab.Host
	lines  []*line
	watch  string // what each [gateway.X] says of its monitor
}

// line is a way to the Internet.
type line struct {
	name      string // of its IPv4 gateway; that of IPv6 has a 6 behind it
	device    string // and the interface of the policy
	isp       *lab.Host
	wire      *lab.Wire
	net, net6 netip.Prefix
}

// quickly watches lines closely, but so that a busy machine is not taken for a dead line.
const quickly = `interval = "100ms"
timeout = "1s"
window = "4s"
down_after = "1s"
up_after = "1s"
`

var (
	publicNet, publicNet6       = netip.MustParsePrefix("203.0.113.64/28"), netip.MustParsePrefix("2001:db8:5::/64")
	internetNear, internetNear6 = addr("198.51.100.254"), addr("2001:db8:64::254")
)

// The gateway's and the provider's end of a line.
func (l *line) own() netip.Addr  { return l.net.Addr().Next().Next() }
func (l *line) own6() netip.Addr { return l.net6.Addr().Next().Next() }
func (l *line) hop() netip.Addr  { return l.net.Addr().Next() }
func (l *line) hop6() netip.Addr { return l.net6.Addr().Next() }

// owns says whether an address is one that the provider of the line gave out.
func (l *line) owns(a netip.Addr) bool { return l.net.Contains(a) || l.net6.Contains(a) }

// newUplinks builds the network with n lines and starts a gateway without a policy.
func newUplinks(t testing.TB, n int) *uplinks {
	t.Helper()
	s := buildUplinks(t, n)
	s.start(t)
	return s
}

// buildUplinks builds the network; no gateway runs yet.
func buildUplinks(t testing.TB, n int) *uplinks {
	t.Helper()
	network := lab.Test(t)
	s := &uplinks{
		site: &site{
			net: network, gw: network.Host("gw"), office: network.Host("office"), server: network.Host("server"),
			internet: network.Host("internet"), dir: t.TempDir(), ssh: map[int32]Connection{},
		},
		public: network.Host("public"), watch: quickly,
	}
	lan, dmz, pub, core := network.Switch("lan"), network.Switch("dmz"), network.Switch("pub"), network.Switch("core")
	s.dmz = dmz
	s.gw.Plug("lan0", lan)
	s.gw.Plug("dmz0", dmz)
	s.gw.Plug("pub0", pub)
	s.office.Plug("eth0", lan, prefixesOf("10.1.2.9/24 10.1.2.10/24 10.1.2.11/24 2001:db8:2::9/64 2001:db8:2::10/64")...)
	s.server.Plug("eth0", dmz, prefixesOf("10.1.3.10/24 10.1.3.11/24 10.1.3.12/24 2001:db8:3::10/64")...)
	s.public.Plug("eth0", pub, prefixesOf("203.0.113.66/28 2001:db8:5::66/64")...)
	s.internet.Plug("eth0", core, prefixesOf("198.51.100.254/27 192.0.2.7/32 192.0.2.8/32 192.0.2.9/32 2001:db8:64::254/64 2001:db8:ff::7/128 2001:db8:ff::8/128")...)
	for _, d := range []struct {
		host *lab.Host
		via  string
	}{
		{s.office, "10.1.2.1"}, {s.office, "2001:db8:2::1"}, {s.server, "10.1.3.1"}, {s.server, "2001:db8:3::1"},
		{s.public, "203.0.113.65"}, {s.public, "2001:db8:5::1"},
	} {
		d.host.Default(addr(d.via))
	}
	s.lines = allLines()[:n]
	for i, l := range s.lines {
		s.build(t, l, i+1, core)
	}
	s.routePublic(s.lines[0])
	for _, h := range []*lab.Host{s.gw, s.server, s.internet, s.office, s.public} {
		serve(h)
	}
	var err error
	if s.ns, err = os.Open(filepath.Join("/run/netns", s.gw.Namespace())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.ns.Close() })
	return s
}

// allLines are the lines that a site may have.
func allLines() []*line {
	return []*line{
		{name: "fibre", device: "wan1", net: netip.MustParsePrefix("203.0.113.0/28"), net6: netip.MustParsePrefix("2001:db8:f1::/48")},
		{name: "cable", device: "wan2", net: netip.MustParsePrefix("198.51.100.0/28"), net6: netip.MustParsePrefix("2001:db8:f2::/48")},
		{name: "radio", device: "wan3", net: netip.MustParsePrefix("192.0.2.128/28"), net6: netip.MustParsePrefix("2001:db8:f3::/48")},
	}
}

// build builds the provider of the line of a number and what leads to it.
func (s *uplinks) build(t testing.TB, l *line, number int, core *lab.Switch) {
	t.Helper()
	l.isp = s.net.Host(l.name)
	l.wire = s.net.Wire(s.gw, l.device, l.isp, "customer")
	l.isp.AddAddr("customer", netip.PrefixFrom(l.hop(), l.net.Bits()), netip.PrefixFrom(l.hop6(), 64))
	near, near6 := addr(fmt.Sprintf("198.51.100.%d", 224+number)), addr(fmt.Sprintf("2001:db8:64::%d", number))
	l.isp.Plug("core", core, netip.PrefixFrom(near, 27), netip.PrefixFrom(near6, 64))
	l.isp.AddAddr("lo", netip.PrefixFrom(l.monitor(), 32), netip.PrefixFrom(l.monitor6(), 128))
	l.isp.Forward()
	l.isp.Default(internetNear)
	l.isp.Default(internetNear6)
	l.isp.Route(l.net6, l.own6())
	l.isp.Route(publicNet, l.own())
	l.isp.Route(publicNet6, l.own6())
	l.isp.ServeTCP(netip.AddrPortFrom(l.monitor(), 443))
	l.isp.ServeTCP(netip.AddrPortFrom(l.monitor6(), 443))
	s.internet.Route(l.net, near)
	s.internet.Route(l.net6, near6)
	guard := fmt.Sprintf(`table inet guard {
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "customer" ip saddr != { %s, %s } drop
		iifname "customer" ip6 saddr != { %s, %s } drop
	}
}`, l.net, publicNet, l.net6, publicNet6)
	if _, err := l.isp.Run(t.Context(), "nft", guard); err != nil {
		t.Fatal(err)
	}
}

// monitor is an address that only the provider of the line has.
func (l *line) monitor() netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, l.device[3] - '0' + 20})
}

func (l *line) monitor6() netip.Addr { return addr("2001:db8:53::" + l.device[3:]) }

// routePublic has the Internet send to public by a line, as its providers would
// agree among each other.
func (s *uplinks) routePublic(l *line) {
	i := slices.Index(s.lines, l) + 1
	s.internet.Route(publicNet, addr(fmt.Sprintf("198.51.100.%d", 224+i)))
	s.internet.Route(publicNet6, addr(fmt.Sprintf("2001:db8:64::%d", i)))
}

// line is a line by its name.
func (s *uplinks) line(name string) *line {
	return s.lines[slices.IndexFunc(s.lines, func(l *line) bool { return l.name == name })]
}

// policy is the policy of the site: its interfaces, a gateway of each family on
// each line with what keys adds to it, no default route and no rules but rest.
func (s *uplinks) policy(keys map[string]string, rest string) string {
	var b strings.Builder
	b.WriteString(`schema = 1

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24", "2001:db8:2::1/64"]

[interface.dmz]
device = "dmz0"
addresses = ["10.1.3.1/24", "2001:db8:3::1/64"]

[interface.pub]
device = "pub0"
addresses = ["203.0.113.65/28", "2001:db8:5::1/64"]
`)
	var outside []string
	for _, l := range s.lines {
		outside = append(outside, fmt.Sprintf("%q", l.device))
		fmt.Fprintf(&b, "\n[interface.%s]\ndevice = %[1]q\nexternal = true\naddresses = [\"%s/%d\", \"%s/64\"]\n", l.device, l.own(), l.net.Bits(), l.own6())
		for _, hop := range []netip.Addr{l.hop(), l.hop6()} {
			name := l.name
			if hop.Is6() {
				name += "6"
			}
			fmt.Fprintf(&b, "\n[gateway.%s]\ninterface = %q\naddress = \"%s\"\n%s%s", name, l.device, hop, s.watch, keys[name])
		}
	}
	fmt.Fprintf(&b, "\n[zone.inside]\ninterfaces = [\"lan\", \"dmz\", \"pub\"]\n\n[zone.outside]\ninterfaces = [%s]\n", strings.Join(outside, ", "))
	for _, l := range s.lines {
		for i, inside := range []string{"lan", "dmz"} {
			external := strings.Replace(l.net6.Addr().String(), "::", fmt.Sprintf(":%d::/64", i+2), 1)
			fmt.Fprintf(&b, "\n[[prefix]]\nname = \"%s-%s\"\non = %q\nexternal = %q\ninternal = \"2001:db8:%d::/64\"\n", l.name, inside, l.device, external, i+2)
		}
	}
	b.WriteString("\n[nat]\noutbound = \"hybrid\"\n")
	b.WriteString(s.each("\n[[outbound]]\nname = \"public-%[1]s\"\non = %[1]q\nsource = [\"203.0.113.64/28\"]\naddress = \"none\"\n"))
	return b.String() + rest
}

// each is a piece of a policy for each line's interface.
func (s *uplinks) each(format string) string {
	var b strings.Builder
	for _, l := range s.lines {
		fmt.Fprintf(&b, format, l.device)
	}
	return b.String()
}

// applyLines makes a policy of the site run, for good.
func (s *uplinks) applyLines(t testing.TB, keys map[string]string, rest string) {
	t.Helper()
	s.applyDraft(t, s.policy(keys, rest), 0)
}

// by is the line that a server sees a flow come by; nil when its source is of none.
func (s *uplinks) by(seen netip.Addr) *line {
	for _, l := range s.lines {
		if l.owns(seen) {
			return l
		}
	}
	return nil
}

// leaves opens a connection and names the line that it took; empty when it was not answered.
func (s *uplinks) leaves(t testing.TB, from *lab.Host, to string, opts ...lab.Option) string {
	t.Helper()
	r := from.TCP(t.Context(), addrPort(to), append([]lab.Option{lab.Within(waitAtMost)}, opts...)...)
	if l := s.by(r.Seen.Addr()); l != nil {
		return l.name
	}
	return ""
}

// awaitNew waits until new connections of the office, several in a row, take one line alone.
func (s *uplinks) awaitNew(t testing.TB, to, want string) {
	t.Helper()
	var last []string
	for end := time.Now().Add(failOverAtMost); ; {
		last = last[:0]
		for range 6 {
			last = append(last, s.leaves(t, s.office, to, lab.Within(time.Second)))
		}
		if !slices.ContainsFunc(last, func(name string) bool { return name != want }) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("new connections to %s take %q, want %q alone", to, last, want)
		}
	}
}

// failOverAtMost bounds the wait for what follows the death of a line.
const failOverAtMost = 30 * time.Second

// replaceOnce is s with the first old replaced, which must be there.
func replaceOnce(t testing.TB, s, old, new string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("no %q in\n%s", old, s)
	}
	return strings.Replace(s, old, new, 1)
}
