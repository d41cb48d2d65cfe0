package lab

import (
	"net/netip"
	"testing"
)

// TestTun sends packets through a host by two devices, of both families, and has it answer one itself.
func TestTun(t *testing.T) {
	gw := Test(t).Host("gw")
	gw.Forward()
	in, out := gw.Tun("in0"), gw.Tun("out0")
	gw.AddAddr("in0", netip.MustParsePrefix("10.0.1.1/24"), netip.MustParsePrefix("2001:db8:1::1/64"))
	gw.AddAddr("out0", netip.MustParsePrefix("10.0.2.1/24"), netip.MustParsePrefix("2001:db8:2::1/64"))
	for _, tt := range []struct {
		src, dst string
		by       *Tun
		want     Protocol
	}{
		{"10.0.1.9:4000", "10.0.2.9:53", out, UDP},
		{"[2001:db8:1::9]:4000", "[2001:db8:2::9]:53", out, UDP},
		{"10.0.1.9:4000", "10.0.1.1:53", in, ICMP4}, // port unreachable
	} {
		for _, dev := range []*Tun{in, out} { // what the host says of its groups
			if _, err := dev.Left(); err != nil {
				t.Fatal(err)
			}
		}
		d := Datagram{Src: netip.MustParseAddrPort(tt.src), Dst: netip.MustParseAddrPort(tt.dst), Protocol: UDP, Payload: []byte("payload")}
		if err := in.Inject(d.Append(nil)); err != nil {
			t.Fatal(err)
		}
		left, err := tt.by.Left()
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, b := range left {
			got, err := ParseDatagram(b)
			if err != nil {
				t.Fatal(err)
			}
			if got.Protocol == tt.want && (tt.want != UDP || got.Src == d.Src && got.Dst == d.Dst && got.TTL == 63 && string(got.Payload) == "payload") {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s > %s: %d of %d packets are the one that was to leave", tt.src, tt.dst, found, len(left))
		}
	}
}

// TestTunEnds closes devices: by themselves, and with their network.
func TestTunEnds(t *testing.T) {
	gw := Test(t).Host("gw")
	a := gw.Tun("a0")
	gw.Tun("b0")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := gw.space.find("a0"); err == nil {
		t.Error("a device is there that was closed")
	}
	if err := a.Inject([]byte{0x45}); err == nil {
		t.Error("a closed device takes packets")
	}
	if err := gw.Tun("c0").Inject(nil); err == nil {
		t.Error("a device takes nothing for a packet")
	}
}
