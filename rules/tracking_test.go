package rules

import (
	"net/netip"
	"testing"

	"github.com/rempart/rempart/config"
)

func TestTracking(t *testing.T) {
	const v4, v6 = "10.1.2.9", "2001:db8::9"
	for _, tt := range []struct {
		what  string
		src   string
		proto config.Protocol
		flags uint8
		icmp  uint8
		want  Tracking
	}{
		{"a SYN by default", v4, config.TCP, 0, 0, Begins},
		{"a SYN with data", v4, config.TCP, config.FlagSYN | config.FlagPSH, 0, Begins},
		{"a SYN with ECN", v6, config.TCP, config.FlagSYN | config.FlagECE | config.FlagCWR, 0, Begins},
		{"an urgent SYN", v4, config.TCP, config.FlagSYN | config.FlagURG, 0, Begins},
		{"an ACK", v4, config.TCP, config.FlagACK, 0, MidFlow},
		{"data", v4, config.TCP, config.FlagACK | config.FlagPSH | config.FlagURG, 0, MidFlow},
		{"an answer to a SYN", v4, config.TCP, config.FlagSYN | config.FlagACK, 0, Invalid},
		{"the end of a connection", v4, config.TCP, config.FlagFIN | config.FlagACK, 0, Invalid},
		{"a reset", v4, config.TCP, config.FlagRST, 0, Invalid},
		{"a reset with ACK", v4, config.TCP, config.FlagRST | config.FlagACK, 0, Invalid},
		{"a FIN scan", v4, config.TCP, config.FlagFIN, 0, Invalid},
		{"a SYN that ends as well", v4, config.TCP, config.FlagSYN | config.FlagFIN, 0, Invalid},
		{"all flags", v4, config.TCP, 0xff, 0, Invalid},
		{"a datagram", v4, config.UDP, 0, 0, Begins},
		{"a tunnel", v6, 47, 0, 0, Begins},
		{"echo", v4, config.ICMP, 0, 8, Begins},
		{"timestamp", v4, config.ICMP, 0, 13, Begins},
		{"information", v4, config.ICMP, 0, 15, Begins},
		{"address mask", v4, config.ICMP, 0, 17, Begins},
		{"echo reply", v4, config.ICMP, 0, 0, Invalid},
		{"an error of no flow", v4, config.ICMP, 0, 3, Invalid},
		{"ICMP in IPv6", v6, config.ICMP, 0, 8, Invalid},
		{"ICMPv6 in IPv4", v4, config.ICMPv6, 0, 128, Invalid},
		{"echo of IPv6", v6, config.ICMPv6, 0, 128, Begins},
		{"node information", v6, config.ICMPv6, 0, 139, Begins},
		{"echo reply of IPv6", v6, config.ICMPv6, 0, 129, Invalid},
		{"an IPv6 error of no flow", v6, config.ICMPv6, 0, 1, Invalid},
		{"multicast listener", v6, config.ICMPv6, 0, 131, Untracked},
		{"neighbour", v6, config.ICMPv6, 0, 135, Untracked},
		{"redirect", v6, config.ICMPv6, 0, 137, Invalid},
		{"multicast listener, version 2", v6, config.ICMPv6, 0, 143, Untracked},
	} {
		p := Packet{Protocol: tt.proto, Src: netip.MustParseAddr(tt.src), TCPFlags: tt.flags, ICMPType: tt.icmp}
		if got := p.Tracking(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}
