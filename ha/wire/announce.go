package wire

import "net/netip"

// allNodes is every host of the link.
var allNodes = netip.IPv6LinkLocalAllNodes()

// Announcements are the frames that tell a link that a is at mac, and the first of them is the one
// most widely believed. Of IPv4 that is a gratuitous ARP request, RFC 5227 section 3; the reply after
// it is for hosts that learn from replies only. Of IPv6 there is one, an unsolicited advertisement:
// without its flag of a router hosts would drop their default route by a.
func Announcements(mac MAC, a netip.Addr) [][]byte {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		request := arpFrame{to: broadcast, from: mac, operation: arpRequest, sender: a, target: a}
		reply := request
		reply.operation, reply.link = arpReply, mac // RFC 5944 section 4.6
		return [][]byte{request.append(nil), reply.append(nil)}
	}
	m := neighbourMessage{kind: advertisement, flags: isRouter | override, option: targetLink, target: a, link: mac}
	return [][]byte{m.append(nil, headers{from: mac, to: groupMAC(allNodes), src: a, dst: allNodes})}
}

// AppendKnock adds a frame that asks target's kernel whether it lives: an ARP request, or a neighbour
// solicitation to the group of the target's address. Without a src of target's family it is a
// probe, RFC 5227 section 2.1.1 and RFC 4862 section 5.4.2, whose answer to IPv6 goes to all.
func AppendKnock(b []byte, from MAC, src, target netip.Addr) []byte {
	target = target.Unmap().WithZone("")
	src = sourceFor(src, target)
	if target.Is4() {
		return arpFrame{to: broadcast, from: from, operation: arpRequest, sender: src, target: target}.append(b)
	}
	m := neighbourMessage{kind: solicitation, target: target}
	if !src.IsUnspecified() {
		m.option, m.link = sourceLink, from
	}
	dst := solicitedNode(target)
	return m.append(b, headers{from: from, to: groupMAC(dst), src: src, dst: dst})
}
