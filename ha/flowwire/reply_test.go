package flowwire

import (
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

func TestInverse(t *testing.T) {
	a, b := [16]byte{10, 0, 0, 1}, [16]byte{10, 0, 0, 2}
	tcp := conntrack.Tuple{Src: a, Dst: b, SrcPort: 1, DstPort: 2}
	icmp := func(typ, code uint16) conntrack.Tuple {
		return conntrack.Tuple{Src: a, Dst: b, SrcPort: 7, DstPort: typ<<8 | code}
	}
	back := func(srcPort, dstPort uint16) conntrack.Tuple {
		return conntrack.Tuple{Src: b, Dst: a, SrcPort: srcPort, DstPort: dstPort}
	}
	for _, c := range []struct {
		name  string
		proto uint8
		orig  conntrack.Tuple
		want  conntrack.Tuple
	}{
		{"TCP", conntrack.TCP, tcp, back(2, 1)},
		{"GRE", conntrack.GRE, tcp, back(2, 1)},
		{"echo", conntrack.ICMP, icmp(8, 0), back(7, 0)},
		{"echo reply", conntrack.ICMP, icmp(0, 0), back(7, 8<<8)},
		{"time stamp", conntrack.ICMP, icmp(13, 0), back(7, 14<<8)},
		{"time stamp reply", conntrack.ICMP, icmp(14, 0), back(7, 13<<8)},
		{"information", conntrack.ICMP, icmp(15, 1), back(7, 16<<8|1)},
		{"information reply", conntrack.ICMP, icmp(16, 0), back(7, 15<<8)},
		{"mask", conntrack.ICMP, icmp(17, 0), back(7, 18<<8)},
		{"mask reply", conntrack.ICMP, icmp(18, 0), back(7, 17<<8)},
		{"no question", conntrack.ICMP, icmp(3, 1), back(7, 3<<8|1)},
		{"echo of IPv6", conntrack.ICMPv6, icmp(128, 0), back(7, 129<<8)},
		{"echo reply of IPv6", conntrack.ICMPv6, icmp(129, 0), back(7, 128<<8)},
		{"node information", conntrack.ICMPv6, icmp(139, 2), back(7, 140<<8|2)},
		{"node information reply", conntrack.ICMPv6, icmp(140, 0), back(7, 139<<8)},
	} {
		f := conntrack.Flow{Key: conntrack.Key{Family: conntrack.IPv4, Proto: c.proto, Orig: c.orig}}
		inverse(&f, &f.Reply)
		if f.Reply != c.want || moved(&f) != 0 {
			t.Errorf("%s: inverse = %+v, moved %d, want %+v", c.name, f.Reply, moved(&f), c.want)
		}
	}
}
