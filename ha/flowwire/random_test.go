package flowwire

import (
	"math/rand/v2"

	"github.com/rempart/rempart/ha/conntrack"
)

// draw draws flows as a gateway has them, and some that it has not.
type draw struct{ *rand.Rand }

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 1))} }

func (d draw) one(n int) bool { return d.IntN(n) == 0 }

func (d draw) fill(b []byte) {
	for i := range b {
		b[i] = byte(d.Uint32())
	}
}

// text fills all of b but some zeros at its end.
func (d draw) text(b []byte) {
	for i := range d.IntN(len(b) + 1) {
		b[i] = byte('a' + d.IntN(26))
	}
}

func (d draw) address(family uint8) (a [16]byte) {
	n := int(addressSize(family))
	switch d.IntN(4) {
	case 0: // few hosts
		a[0], a[n-1] = 10, byte(d.IntN(30))
	case 1: // a network of many
		a[0], a[1] = 32, 1
		d.fill(a[n-2 : n])
	case 2:
		d.fill(a[:n])
	}
	return a
}

func (d draw) tuple(family uint8) conntrack.Tuple {
	t := conntrack.Tuple{Src: d.address(family), Dst: d.address(family), SrcPort: uint16(d.Uint32()), DstPort: uint16(d.Uint32())}
	if d.one(2) {
		t.DstPort = 443
	}
	return t
}

func (d draw) key() conntrack.Key {
	k := conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.TCP}
	if d.one(3) {
		k.Family = conntrack.IPv6
	}
	if d.one(2) {
		k.Proto = []uint8{conntrack.UDP, conntrack.ICMP, conntrack.ICMPv6, conntrack.GRE, conntrack.SCTP, 0, 255}[d.IntN(7)]
	}
	k.Orig = d.tuple(k.Family)
	if k.Proto == conntrack.ICMP || k.Proto == conntrack.ICMPv6 {
		k.Orig.DstPort = uint16(d.IntN(256))<<8 | uint16(d.IntN(2))
	}
	if d.one(20) {
		k.Zone = uint16(d.Uint32())
	}
	if d.one(20) {
		k.Kind = conntrack.KindExpect
	}
	return k
}

func (d draw) flow() conntrack.Flow {
	f := conntrack.Flow{Key: d.key(), Status: conntrack.Status(usualStatus)}
	inverse(&f, &f.Reply)
	if d.one(2) {
		f.Reply.Dst = d.address(f.Family)
		f.Status |= conntrack.SrcNAT
	}
	if d.one(4) {
		f.Reply.Src = d.address(f.Family)
		f.Status |= conntrack.DstNAT
	}
	if d.one(10) {
		f.Reply.SrcPort = uint16(d.Uint32())
	}
	if d.one(10) {
		f.Reply.DstPort = uint16(d.Uint32())
	}
	d.live(&f)
	if d.one(20) {
		f.Timeout = d.Uint32() >> d.IntN(32)
	}
	return f
}

// live changes what changes in the life of a flow.
func (d draw) live(f *conntrack.Flow) {
	f.Mark = uint32(d.IntN(5)) << 16
	if f.Proto == conntrack.TCP {
		f.State = conntrack.State(d.IntN(10))
		f.Flags = [2]conntrack.TCPFlags{0x23, 0x23}
		f.Scale = [2]uint8{7, uint8(d.IntN(15))}
	}
	if d.one(10) {
		f.Status, f.Mark = conntrack.Status(d.Uint32()), d.Uint32()
		f.State = conntrack.State(d.Uint32())
		f.Flags = [2]conntrack.TCPFlags{conntrack.TCPFlags(d.Uint32()), conntrack.TCPFlags(d.Uint32())}
		f.Scale = [2]uint8{uint8(d.Uint32()), uint8(d.Uint32())}
	}
}

// extra draws an Extra of a flow of that family.
func (d draw) extra(family uint8) *conntrack.Extra {
	x := &conntrack.Extra{}
	if d.one(2) {
		d.text(x.Helper[:])
	}
	if d.one(2) {
		x.Master = d.key()
	}
	if d.one(2) {
		d.text(x.Labels[:])
	}
	if d.one(2) {
		x.Adjust = [2]conntrack.Adjust{{Pos: d.Uint32(), Before: 1}, {After: d.Uint32()}}
	}
	if d.one(2) {
		x.Proxy = conntrack.Proxy{ISN: d.Uint32(), ITS: d.Uint32(), Offset: d.Uint32()}
	}
	if d.one(2) {
		x.VTag = [2]uint32{d.Uint32(), d.Uint32()}
	}
	if d.one(2) {
		x.DCCP = conntrack.DCCP{Role: byte(d.IntN(3)), Handshake: d.Uint64()}
	}
	if d.one(2) {
		x.Zones = [2]uint16{uint16(d.Uint32()), uint16(d.Uint32())}
	}
	if d.one(2) {
		x.Expects = conntrack.Expect{Timeout: d.Uint32(), Class: 1, Flags: d.Uint32(), NATDir: 1}
	}
	if d.one(2) {
		x.Expects.Mask = d.tuple(family)
		d.text(x.Expects.Fn[:])
	}
	if d.one(2) {
		x.Expects.HasNAT, x.Expects.NAT = true, d.tuple(family)
	}
	return x
}

// snatFlow is a TCP flow of one of 500 hosts to any server, translated to the address of the gateway.
func snatFlow(d draw) conntrack.Flow {
	f := conntrack.Flow{
		Key: conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.TCP, Orig: conntrack.Tuple{
			Src: [16]byte{10, 0, byte(d.IntN(2)), byte(d.IntN(250))}, SrcPort: 32768 + uint16(d.IntN(28000)), DstPort: 443,
		}},
		State: conntrack.Established, Status: conntrack.Status(usualStatus) | conntrack.SrcNAT,
		Mark: uint32(d.IntN(10)) << 16, Flags: [2]conntrack.TCPFlags{0x23, 0x23}, Scale: [2]uint8{7, uint8(7 + d.IntN(3))},
	}
	d.fill(f.Orig.Dst[:4])
	inverse(&f, &f.Reply)
	f.Reply.Dst = [16]byte{192, 0, 2, 1}
	return f
}

// flow6 is a TCP flow of one of many hosts of a network to any server.
func flow6(d draw) conntrack.Flow {
	f := conntrack.Flow{
		Key: conntrack.Key{Family: conntrack.IPv6, Proto: conntrack.TCP, Orig: conntrack.Tuple{
			Src: [16]byte{0x20, 1, 0x0d, 0xb8}, SrcPort: 32768 + uint16(d.IntN(28000)), DstPort: 443,
		}},
		State: conntrack.Established, Status: conntrack.Status(usualStatus),
		Mark: uint32(d.IntN(10)) << 16, Flags: [2]conntrack.TCPFlags{0x23, 0x23}, Scale: [2]uint8{7, uint8(7 + d.IntN(3))},
	}
	d.fill(f.Orig.Src[8:])
	d.fill(f.Orig.Dst[:8])
	f.Orig.Dst[15] = 1
	inverse(&f, &f.Reply)
	return f
}
