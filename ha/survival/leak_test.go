package survival_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/lab"
	"golang.org/x/net/bpf"
)

// Where the first word of the source address is in a frame.
const (
	atKind    = 12
	atSource4 = 14 + 12
	atSource6 = 14 + 8
)

// fromAny is a filter for a capture: IPv4 and IPv6 packets that are from one of the networks, whose prefixes are
// no longer than 32 bits.
func fromAny(networks []netip.Prefix) []bpf.Instruction {
	program := []bpf.Instruction{}
	for _, n := range networks {
		kind, at, first := uint32(0x0800), uint32(atSource4), n.Addr().AsSlice()[:4]
		if n.Addr().Is6() {
			kind, at = 0x86dd, atSource6
		}
		program = append(program,
			bpf.LoadAbsolute{Off: atKind, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: kind, SkipFalse: 4},
			bpf.LoadAbsolute{Off: at, Size: 4},
			bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: ^uint32(0) << (32 - n.Bits())},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(first), SkipFalse: 1},
			bpf.RetConstant{Val: 1 << 16},
		)
	}
	return append(program, bpf.RetConstant{Val: 0})
}

// watchLeaks watches for packets that leave untranslated, until the test ends.
func (b *bed) watchLeaks() {
	b.Helper()
	b.leaks = b.server.CaptureIf("eth0", fromAny(inside))
	b.Cleanup(b.wantNoLeaks)
}

// wantNoLeaks fails when a packet came to the outside from an inside address.
func (b *bed) wantNoLeaks() {
	b.Helper()
	leaks := b.leaks.Stop()
	for i, p := range leaks {
		if i == 10 {
			break
		}
		d, err := p.Datagram()
		b.Errorf("left untranslated at %s: %v %v", p.At.Format("15:04:05.000000"), d, err)
	}
	if len(leaks) > 0 || b.leaks.Dropped() > 0 {
		b.Errorf("%d packets left untranslated, and %d more", len(leaks), b.leaks.Dropped())
	}
}

// The watch for packets that left untranslated sees every one, and none that is translated.
func TestLeaksAreSeen(t *testing.T) {
	b := newBed(t, goodCable)
	watch := b.server.CaptureIf("eth0", fromAny(inside))
	gateway := b.nodes[0]
	for _, src := range []netip.Addr{wanVIP, client, site, gateway.cable(), stranger, wanVIP6, client6, site6} {
		to := server
		if src.Is6() {
			to = server6
		}
		packet := lab.Datagram{Src: netip.AddrPortFrom(src, 1), Dst: netip.AddrPortFrom(to, 9), Protocol: lab.UDP, Payload: []byte("x")}
		if err := gateway.host.Send(packet.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	const leaks = 6
	b.await("the leaks", func() bool { return len(watch.Packets()) >= leaks })
	for _, p := range watch.Stop() {
		if d, err := p.Datagram(); err != nil || d.Src.Addr() == wanVIP || d.Src.Addr() == wanVIP6 {
			t.Errorf("saw %v, %v", d, err)
		}
	}
}
