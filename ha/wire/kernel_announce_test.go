package wire

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/lab"
)

// advertiseRouter is a router advertisement from src at mac, RFC 4861 section 4.2.
func advertiseRouter(mac MAC, src netip.Addr) []byte {
	h := headers{from: mac, to: groupMAC(allNodes), src: src, dst: allNodes, protocol: protocolICMPv6}
	b := h.append(nil, 24)
	at := len(b)
	b = append(b, 134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, sourceLink, 1)
	b = append(b, mac[:]...)
	binary.BigEndian.PutUint16(b[at+2:], checksum(pseudo(src, allNodes, protocolICMPv6, 24), b[at:]))
	return b
}

// moveBed is a client whose router's addresses are on one of two hosts.
type moveBed struct {
	*testing.T
	client *lab.Host
	a, b   *listener
	vips   []netip.Prefix
	router netip.Addr
}

func newMoveBed(t *testing.T) *moveBed {
	t.Helper()
	n := lab.Test(t)
	m := &moveBed{T: t, client: n.Host("client"), vips: placedPrefixes, router: placedPrefixes[2].Addr()}
	a, b, sw := n.Host("a"), n.Host("b"), n.Switch("sw")
	a.Plug("eth0", sw)
	b.Plug("eth0", sw)
	m.client.Plug("eth0", sw, prefix("10.0.0.9/24"), prefix("2001:db8::9/64"))
	m.a, m.b = listen(t, a, "eth0"), listen(t, b, "eth0")
	m.place(m.a)
	for _, vip := range m.vips {
		eventually(t, "the client reaches "+vip.String(), func() bool {
			return m.client.Ping(t.Context(), vip.Addr().WithZone(zoneOf(vip.Addr()))).Outcome == lab.Open
		})
	}
	m.a.send(advertiseRouter(m.a.mac, m.router))
	eventually(t, "the client has a default route", m.hasRoute)
	return m
}

func zoneOf(a netip.Addr) string {
	if a.IsLinkLocalUnicast() {
		return "eth0"
	}
	return ""
}

// place gives a host the addresses.
func (m *moveBed) place(l *listener) {
	m.Helper()
	k := openKernel(m.T, l.host)
	for _, vip := range m.vips {
		if err := k.Place(mustDevice(m.T, k, "eth0").Index, vip, 0); err != nil {
			m.Fatal(err)
		}
	}
}

func (m *moveBed) remove(l *listener) {
	m.Helper()
	k := openKernel(m.T, l.host)
	for _, vip := range m.vips {
		if err := k.Remove(mustDevice(m.T, k, "eth0").Index, vip); err != nil {
			m.Fatal(err)
		}
	}
}

func (m *moveBed) hasRoute() bool {
	return strings.Contains(run(m.T, m.client, "ip -6 route show default"), "via "+m.router.String())
}

// believes says whether the client has an address at a host.
func (m *moveBed) believes(a netip.Addr, l *listener) bool {
	m.Helper()
	return strings.Contains(run(m.T, m.client, "ip neigh show "+a.String()+" dev eth0"), l.mac.String())
}

// TestAnnouncementsAreBelieved by Linux at once, and it keeps its default route.
func TestAnnouncementsAreBelieved(t *testing.T) {
	m := newMoveBed(t)
	m.remove(m.a)
	m.place(m.b)
	for _, vip := range m.vips {
		if !m.believes(vip.Addr(), m.a) {
			t.Fatalf("the client does not have %s at a", vip)
		}
		for i, frame := range Announcements(m.b.mac, vip.Addr()) {
			m.b.send(frame)
			eventually(t, "the client has it at b: "+vip.String(), func() bool { return m.believes(vip.Addr(), m.b) })
			if i == 0 && vip.Addr().Is4() { // the second form alone does it as well
				m.a.send(Announcements(m.a.mac, vip.Addr())[1])
				eventually(t, "the client has it back at a: "+vip.String(), func() bool { return m.believes(vip.Addr(), m.a) })
			}
		}
	}
	if !m.hasRoute() {
		t.Error("the client has lost its default route")
	}
	for _, vip := range m.vips {
		if r := m.client.Ping(t.Context(), vip.Addr().WithZone(zoneOf(vip.Addr()))); r.Outcome != lab.Open {
			t.Errorf("ping %s: %+v", vip, r)
		}
	}
}

// TestHostAnnouncement is what the flag of a router is for.
func TestHostAnnouncement(t *testing.T) {
	m := newMoveBed(t)
	mute := neighbourMessage{kind: advertisement, flags: override, option: targetLink, target: m.router, link: m.b.mac}
	m.b.send(mute.append(nil, headers{from: m.b.mac, to: groupMAC(allNodes), src: m.router, dst: allNodes}))
	eventually(t, "the client has lost its default route", func() bool { return !m.hasRoute() })
}

// TestKnocksAreAnswered by the kernel of a host that answers for its devices' own addresses only.
func TestKnocksAreAnswered(t *testing.T) {
	l := newLink(t, prefix("10.0.0.2/24"), prefix("2001:db8::2/64"))
	l.b.host.Sysctl("net.ipv4.conf.all.arp_ignore", "1")
	for _, c := range []struct{ src, target string }{
		{"10.0.0.1", "10.0.0.2"}, {"", "10.0.0.2"}, {"2001:db8::1", "2001:db8::2"}, {"fe80::a", "2001:db8::2"}, {"", "2001:db8::2"},
	} {
		var src netip.Addr
		if c.src != "" {
			src = addr(c.src)
		}
		l.a.send(AppendKnock(nil, l.a.mac, src, addr(c.target)))
		eventually(t, "the answer for "+c.target+" to "+c.src, func() bool {
			select {
			case got := <-l.a.heard:
				return got.Reply && got.Link == l.b.mac && (got.Target == addr(c.target) || got.Kind == ARP && got.Src == addr(c.target))
			default:
				return false
			}
		})
	}
	for seq, c := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "2001:db8::2"}} {
		l.a.send(AppendEchoRequest(nil, l.a.mac, l.b.mac, addr(c[0]), addr(c[1]), 77, uint16(seq)))
		eventually(t, "the echo from "+c[1], func() bool {
			select {
			case got := <-l.a.heard:
				return got.Kind == Echo && got.Src == addr(c[1]) && got.ID == 77 && got.Seq == uint16(seq)
			default:
				return false
			}
		})
	}
}
