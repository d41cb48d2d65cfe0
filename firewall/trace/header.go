package trace

import (
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
)

// header reads the headers that come with a step; ok is false when none do.
func header(e nft.TraceEvent) (p packetlog.Packet, ok bool) {
	if len(e.Network) == 0 {
		return p, false
	}
	raw := e.Network
	if wholeNetwork(raw) {
		raw = append(raw[:len(raw):len(raw)], e.Transport...)
	}
	p, err := packetlog.ParsePacket(raw)
	return p, err == nil
}

// wholeNetwork says that the transport header follows on these bytes. The
// kernel cuts long options and extension headers off.
func wholeNetwork(b []byte) bool {
	const ipv6 = 40
	if b[0]>>4 == 6 {
		return len(b) == ipv6
	}
	return len(b) == int(b[0]&0x0f)*4
}

// sameEnds says that nothing was translated between two looks at a packet.
func sameEnds(a, b packetlog.Packet) bool {
	return a.Src == b.Src && a.Dst == b.Dst && a.SrcPort == b.SrcPort && a.DstPort == b.DstPort
}
