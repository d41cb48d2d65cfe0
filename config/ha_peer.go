package config

import (
	"net/netip"
	"slices"
	"strings"
)

// parsePeers reads where the other node is reached, interface by interface.
func (p *parser) parsePeers() {
	if p.own == nil {
		return
	}
	for _, e := range p.own.Interface {
		i := p.cfg.Interface(e.name())
		if i == nil {
			continue // told
		}
		for _, n := range e.body.Peer.items {
			peer, err := parseHostAddr(n.text)
			if err != nil {
				p.at(n, "%v", err)
				continue
			}
			if p.onePeer(n, peer, i) && p.peerReachable(n, peer, i.Name) {
				i.Peers = append(i.Peers, peer)
			}
		}
	}
}

// onePeer refuses a second peer of a family.
func (p *parser) onePeer(n *node, peer netip.Addr, i *Interface) bool {
	for _, other := range i.Peers {
		if other.Is4() == peer.Is4() {
			p.at(n, "%s stands beside %s: one address of a family, the other node's own", peer, other)
			return false
		}
	}
	cable := p.cfg.HA.Peer
	if i.Name == p.cfg.HA.Interface && cable.IsValid() && cable.Is4() == peer.Is4() && cable != peer {
		p.at(n, "%s is not the peer of [ha], %s: this interface is the cable, and one address of a family is the other node's", peer, cable)
		return false
	}
	return true
}

// peerReachable refuses an address of the other node that it cannot have.
func (p *parser) peerReachable(at *node, peer netip.Addr, iface string) bool {
	var networks []netip.Prefix
	for _, n := range p.networks {
		switch {
		case n.prefix.Addr() == peer && (n.iface == iface || !peer.IsLinkLocalUnicast()):
			whose := "this node's own address"
			if n.vip {
				whose = "a virtual address"
			}
			p.at(at, "%s is %s on %s: write that of the other node", peer, whose, n.iface)
			return false
		case n.iface == iface && n.prefix.Addr().Is4() == peer.Is4() && !n.prefix.IsSingleIP():
			if own := n.prefix.Masked(); !slices.Contains(networks, own) {
				networks = append(networks, own)
			}
		}
	}
	if len(networks) == 0 || peer.IsLinkLocalUnicast() {
		return true
	}
	for _, n := range networks {
		switch {
		case !n.Contains(peer):
			continue
		case namesNetwork(netip.PrefixFrom(peer, n.Bits())):
			p.at(at, "%s is the network's own or its broadcast address on interface %s (%s): write that of the other node", peer, iface, n)
			return false
		}
		return true
	}
	p.at(at, "%s is in no network of interface %s (%s)", peer, iface, join(networks))
	return false
}

func join(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, n := range networks {
		texts[i] = n.String()
	}
	return strings.Join(texts, ", ")
}
