package survival_test

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// sctp is the protocol number of SCTP. Not every kernel speaks it, but all that know flows follow it, so both ends are
// played here, packet by packet.
const sctp lab.Protocol = 132

// chunk is a kind of SCTP chunk (RFC 9260 section 3.2).
type chunk byte

const (
	data       chunk = 0
	initiate   chunk = 1
	initAck    chunk = 2
	cookieEcho chunk = 10
	cookieAck  chunk = 11
)

// association is an SCTP association, with the tags of both ends.
type association struct {
	*bed
	host             *lab.Host
	from, to         netip.AddrPort // as the inside host knows it
	seen             netip.AddrPort // as what the outside sees it
	ownTag, theirTag uint32
}

// Of two associations from the same port one leaves with another. Data goes on in both, both ways, on the node that
// never saw how they began; and a packet of an association that nobody began is not let through.
func TestSCTP(t *testing.T) {
	t.Parallel()
	b := newPair(t, goodCable)
	to := netip.AddrPortFrom(server, openPort)
	first := &association{bed: b, host: b.client, from: netip.AddrPortFrom(client, samePort), to: to, ownTag: 11, theirTag: 12}
	second := &association{bed: b, host: b.inner, from: netip.AddrPortFrom(inner, samePort), to: to, ownTag: 21, theirTag: 22}
	stray := &association{bed: b, host: b.inner, from: netip.AddrPortFrom(inner, samePort+1), to: to, ownTag: 31, theirTag: 32}
	first.begin()
	second.begin()
	if first.seen == second.seen {
		t.Fatalf("both leave as %s", first.seen)
	}
	b.complete(b.nodes[1])
	b.released(b.nodes[0])
	for _, a := range []*association{second, first} {
		a.talk()
	}
	b.complete(b.nodes[0])
	b.crashed(b.nodes[1])
	for _, a := range []*association{first, second} {
		a.talk()
	}
	if p := stray.passes(stray.host, b.server, stray.from, stray.to, data, stray.theirTag, 100*time.Millisecond); p != nil {
		t.Errorf("nobody began it, and it leaves: %v", p)
	}
}

// begin makes the association known, in four steps.
func (a *association) begin() {
	a.Helper()
	a.out(initiate, 0)
	a.in(initAck, a.ownTag)
	a.out(cookieEcho, a.theirTag)
	a.in(cookieAck, a.ownTag)
	a.talk()
}

// talk sends data both ways.
func (a *association) talk() {
	a.Helper()
	a.out(data, a.theirTag)
	a.in(data, a.ownTag)
}

// out sends a chunk to the outside, where it has to come from the same port each time.
func (a *association) out(kind chunk, tag uint32) {
	a.Helper()
	p := a.passes(a.host, a.server, a.from, a.to, kind, tag, waitAtMost)
	if p == nil {
		a.Fatalf("%s to %s: chunk %d does not come out", a.from, a.to, kind)
	}
	seen := netip.AddrPortFrom(p.Src.Addr(), binary.BigEndian.Uint16(p.Payload))
	if a.seen.IsValid() && a.seen != seen {
		a.Errorf("%s leaves as %s, and did as %s before", a.from, seen, a.seen)
	}
	a.seen = seen
}

// in sends a chunk to the inside host.
func (a *association) in(kind chunk, tag uint32) {
	a.Helper()
	if a.passes(a.server, a.host, a.to, a.seen, kind, tag, waitAtMost) == nil {
		a.Fatalf("%s to %s: chunk %d does not come in", a.to, a.seen, kind)
	}
}

// passes sends a chunk, again and again for a time, and returns it as it comes to a host; nil: it does not.
func (a *association) passes(from, to *lab.Host, src, dst netip.AddrPort, kind chunk, tag uint32, within time.Duration) *lab.Datagram {
	a.Helper()
	own := binary.BigEndian.AppendUint64(nil, uint64(a.ownTag)) // tells it from those of other associations
	c := to.Capture("eth0", func(frame []byte) bool {
		p := lab.Packet{Frame: frame}
		d, err := p.Datagram()
		return err == nil && d.Protocol == sctp && len(d.Payload) >= 24 && d.Payload[12] == byte(kind) && string(d.Payload[len(d.Payload)-8:]) == string(own)
	})
	defer c.Stop()
	begins := a.ownTag // with which the sender wants to be addressed
	if kind == initAck {
		begins = a.theirTag
	}
	packet := lab.Datagram{
		Src: netip.AddrPortFrom(src.Addr(), 0), Dst: netip.AddrPortFrom(dst.Addr(), 0), Protocol: sctp,
		Payload: sctpPacket(src.Port(), dst.Port(), tag, kind, begins, own),
	}
	came := lab.Poll(within, func() bool {
		if err := from.Send(packet.Append(nil)); err != nil {
			a.Fatal(err)
		}
		return lab.Poll(20*time.Millisecond, func() bool { return len(c.Packets()) > 0 })
	})
	if !came {
		return nil
	}
	d, err := c.Packets()[0].Datagram()
	if err != nil {
		a.Fatal(err)
	}
	return &d
}

// sctpPacket is a packet with one chunk, that begins with the sender's tag where a chunk has one, and ends with
// something of ours.
func sctpPacket(src, dst uint16, tag uint32, kind chunk, begins uint32, tail []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = binary.BigEndian.AppendUint32(b, 0) // checksum
	const fixed = 16                        // of INIT and INIT ACK, the longest
	b = append(b, byte(kind), 3)            // data: a whole message
	b = binary.BigEndian.AppendUint16(b, uint16(4+fixed+len(tail)))
	b = binary.BigEndian.AppendUint32(b, begins) // or a number of data
	b = binary.BigEndian.AppendUint32(b, 65536)
	b = append(b, 0, 1, 0, 1, 0, 0, 0, 1)
	b = append(b, tail...)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}
