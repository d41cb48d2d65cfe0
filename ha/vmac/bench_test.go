package vmac

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/rempart/rempart/lab"
)

// BenchmarkSet is how long a take-over of two devices waits for it.
func BenchmarkSet(b *testing.B) {
	n := lab.Test(b)
	h, sw := n.Host("one"), n.Switch("lan")
	h.Plug("lan", sw)
	h.Plug("wan", sw)
	table := openTable(b, h)
	for b.Loop() {
		check(b, table.Set(both()))
		b.StopTimer()
		check(b, table.Release())
		b.StartTimer()
	}
}

// BenchmarkForward is what a packet costs that is forwarded: what came in for the device's own MAC
// leaves by another device with the hosts held there.
func BenchmarkForward(b *testing.B) {
	two := append(both()[0].Hosts, Virtual{VHID: 8, Addresses: []netip.Addr{addr("10.0.0.8")}})
	for _, tt := range []struct {
		name  string
		hosts []Virtual
	}{
		{"none", nil},
		{"one host", both()[0].Hosts},
		{"two hosts", two},
	} {
		b.Run(tt.name, func(b *testing.B) {
			n := lab.Test(b)
			h, sw := n.Host("one"), n.Switch("lan")
			h.Plug("lan", sw, prefix("10.0.0.2/24"))
			h.Plug("wan", n.Switch("wan"), prefix("192.0.2.2/24"))
			h.Forward()
			h.Neighbour("lan", clientAddrs[0], []byte{2, 0, 0, 0, 0, 9})
			check(b, openTable(b, h).Set([]Wanted{{Device: "lan", Hosts: tt.hosts}}))
			injector, err := h.Injector("wan", "lan")
			if errors.Is(err, lab.ErrNoInjector) {
				b.Skip(err)
			}
			check(b, err)
			check(b, injector.Frames([]lab.Datagram{{
				Src: netip.AddrPortFrom(serverAddrs[0], 53), Dst: netip.AddrPortFrom(clientAddrs[0], 4000), Protocol: lab.UDP,
			}}))
			const packets = 1_000_000
			best := 0
			for range 5 {
				got, err := injector.Run(packets)
				check(b, err)
				if got.Passed != packets {
					b.Fatalf("%+v", got)
				}
				if best == 0 || got.Nanoseconds < best {
					best = got.Nanoseconds
				}
			}
			b.ReportMetric(float64(best), "ns/packet")
		})
	}
}
