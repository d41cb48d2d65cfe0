package lab

import (
	"errors"
	"net/netip"
	"testing"
)

// injected is a gateway between two devices, one of them for packets to come in by.
func injected(t *testing.T) *Injector {
	t.Helper()
	n := Test(t)
	gw, far := n.Host("gw"), n.Host("far")
	n.Cable(gw, "in0", far, "in0")
	n.Cable(gw, "out0", far, "out0")
	gw.AddAddr("in0", netip.MustParsePrefix("10.1.0.1/16"), netip.MustParsePrefix("fd00:1::1/64"))
	gw.AddAddr("out0", netip.MustParsePrefix("10.2.0.1/16"), netip.MustParsePrefix("fd00:2::1/64"))
	gw.Neighbour("out0", netip.MustParseAddr("10.2.0.2"), far.MAC("out0"))
	gw.Neighbour("out0", netip.MustParseAddr("fd00:2::2"), far.MAC("out0"))
	gw.Default(netip.MustParseAddr("10.2.0.2"))
	gw.Default(netip.MustParseAddr("fd00:2::2"))
	gw.Forward()
	i, err := gw.Injector("in0", "out0")
	if errors.Is(err, ErrNoInjector) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func datagram(p Protocol, src, dst string) Datagram {
	return Datagram{Protocol: p, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Flags: SYN}
}

// Every packet that is to be forwarded is, of either family and both protocols, and no other.
func TestInject(t *testing.T) {
	i := injected(t)
	forwarded := []Datagram{
		datagram(UDP, "10.1.0.2:1000", "10.9.0.1:53"),
		datagram(TCP, "10.1.0.3:1001", "10.9.0.2:443"),
		datagram(UDP, "[fd00:1::2]:1000", "[fd00:9::1]:53"),
		datagram(TCP, "[fd00:1::2]:1001", "[fd00:9::1]:443"),
	}
	stuck := datagram(UDP, "10.1.0.2:1000", "10.1.0.1:9") // to the host itself
	for _, c := range []struct {
		name   string
		frames []Datagram
		passed int
	}{
		{"one", forwarded[:1], 1000},
		{"all", forwarded, 1000},
		{"one in five stays", append(forwarded, stuck), 800},
		{"none", []Datagram{stuck}, 0},
	} {
		if err := i.Frames(c.frames); err != nil {
			t.Fatal(err)
		}
		got, err := i.Run(1000)
		if err != nil {
			t.Fatal(err)
		}
		if got.Passed != c.passed || got.Packets != 1000 || got.Nanoseconds <= 0 {
			t.Errorf("%s: %+v, want %d passed", c.name, got, c.passed)
		}
	}
}

// An injector without frames, and a frame that has no room, are faults.
func TestInjectRefuses(t *testing.T) {
	i := injected(t)
	if _, err := i.Run(1); err == nil {
		t.Error("ran without frames")
	}
	long := datagram(Protocol(47), "[fd00:1::2]:0", "[fd00:9::1]:0")
	if err := long.frame(i.in.Attrs().HardwareAddr, make([]byte, etherHeader+ipv6Header-1)); err == nil {
		t.Error("headers longer than the frame fit")
	}
}
