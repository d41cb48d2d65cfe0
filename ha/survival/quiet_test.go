package survival_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// How long the nodes keep silent flows, in seconds.
var short = map[string]string{
	"udp_timeout": "5", "udp_timeout_stream": "8", "icmp_timeout": "5", "icmpv6_timeout": "5",
}

// longer is how long a flow has to be used until a copy of it that nobody uses would be gone.
const longer = 10 * time.Second

// asker is one of two inside hosts that use the same port, or the same identifier of a ping, towards the same server:
// one of them leaves with another than its own, and which one that is nobody could guess afterwards.
type asker struct {
	host *lab.Host
	ping bool
	from netip.AddrPort
	seen netip.AddrPort // as what the server sees it
}

// samePort is the port, and identifier, that all inside hosts use.
const samePort = 5000

// A datagram flow and a ping say nothing new to the kernel while they last, so the other node hears nothing of them.
// It has them all the same, and they leave as before.
func TestQuietFlowsKeepTheirPorts(t *testing.T) {
	t.Parallel()
	b := newBed(t, goodCable)
	for _, n := range b.nodes {
		for key, seconds := range short {
			n.host.Sysctl("net.netfilter.nf_conntrack_"+key, seconds)
		}
	}
	b.server.ServeUDP(netip.AddrPortFrom(server, openPort))
	b.server.ServeUDP(netip.AddrPortFrom(server6, openPort))
	b.startPair()
	askers := b.askers()
	all := func() {
		t.Helper()
		for i := range askers {
			b.asks(&askers[len(askers)-1-i])
		}
	}
	for begun := time.Now(); time.Since(begun) < longer; time.Sleep(time.Second) {
		all()
	}
	b.complete(b.nodes[1])
	b.released(b.nodes[0])
	all()
	b.complete(b.nodes[0])
	b.crashed(b.nodes[1])
	all()
}

// askers are two hosts that leave as one, by UDP and by ping, in both families.
func (b *bed) askers() []asker {
	b.Helper()
	var all []asker
	for _, ping := range []bool{false, true} {
		for _, from := range [][2]netip.Addr{{client, inner}, {client6, inner6}} {
			first := asker{host: b.client, ping: ping, from: netip.AddrPortFrom(from[0], samePort)}
			second := asker{host: b.inner, ping: ping, from: netip.AddrPortFrom(from[1], samePort)}
			b.asks(&first)
			b.asks(&second)
			if first.seen == second.seen || first.seen.Addr() != second.seen.Addr() {
				b.Fatalf("%s and %s leave as %s and %s", first.from, second.from, first.seen, second.seen)
			}
			all = append(all, first, second)
		}
	}
	return all
}

// asks sends something that has to be answered, and fails when it does not leave as it did before.
func (b *bed) asks(a *asker) {
	b.Helper()
	to := server
	if a.from.Addr().Is6() {
		to = server6
	}
	way := b.datagram
	if a.ping {
		way = b.echo
	}
	var seen netip.AddrPort
	var r lab.Result
	if !b.poll(func() bool { r, seen = way(a, to); return r.Outcome == lab.Open }) {
		b.Fatalf("%s asks %s: %s", a.from, to, r)
	}
	switch {
	case !a.seen.IsValid():
		a.seen = seen
	case a.seen != seen:
		b.Errorf("%s (ping: %t) leaves as %s, and did as %s before", a.from, a.ping, seen, a.seen)
	}
}

// datagram asks by UDP.
func (b *bed) datagram(a *asker, to netip.Addr) (lab.Result, netip.AddrPort) {
	r := a.host.UDP(b.Context(), netip.AddrPortFrom(to, openPort), lab.From(a.from))
	return r, r.Seen
}

// echo asks by a ping. Its identifier is what the server's network sees of it.
func (b *bed) echo(a *asker, to netip.Addr) (r lab.Result, seen netip.AddrPort) {
	b.Helper()
	const request, request6 = 8, 128
	c := b.server.Capture("eth0", func(frame []byte) bool {
		d, err := lab.Packet{Frame: frame}.Datagram()
		return err == nil && len(d.Payload) >= 6 &&
			(d.Protocol == lab.ICMP4 && d.Payload[0] == request || d.Protocol == lab.ICMP6 && d.Payload[0] == request6)
	})
	r = a.host.Ping(b.Context(), to, lab.From(a.from))
	for _, p := range c.Stop() {
		d, _ := p.Datagram() // it was looked at
		seen = netip.AddrPortFrom(d.Src.Addr(), binary.BigEndian.Uint16(d.Payload[4:]))
	}
	return r, seen
}
