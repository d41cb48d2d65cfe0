package nat

import (
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// forwards is the port forwards in force, in the order in which they are tried.
func forwards(c *config.Config) []config.PortForward {
	return slices.DeleteFunc(slices.Clone(c.PortForwards), func(f config.PortForward) bool { return f.Disabled })
}

// forward translates what comes in for a port forward.
func (c *compiler) forward(f config.PortForward) []nft.Rule {
	var out []nft.Rule
	for _, fam := range families {
		if f.Exclude {
			out = append(out, c.arriving(f, fam, c.by(nft.IIFName, entries(c.w, f)...), f.Ports, c.logged(f, c.count(rules.RuleCounter(f.Name)), accept())...)...)
			continue
		}
		to := targetsOf(c.w, f, fam)
		if len(to.all) == 0 && !to.comes {
			continue
		}
		by := c.by(nft.IIFName, entries(c.w, f)...)
		if to.comes {
			by = c.while(len(to.all) > 0, rules.SetName("entries", f.Name, fam), entries(c.w, f)...)
		}
		out = append(out, c.arriving(f, fam, by, f.Ports, c.divert(f, to, fam)...)...)
	}
	return out
}

// arriving makes the rules for what comes in for a port forward in one family.
func (c *compiler) arriving(f config.PortForward, fam rules.Family, by nft.Expr, ranges []config.PortRange, statements ...nft.Expr) []nft.Rule {
	sel := rules.Selector{Name: f.Name, Source: f.Source, Destination: f.Destination, Protocols: f.Protocols}
	for _, r := range ranges {
		sel.Ports = append(sel.Ports, config.PortTerm{Range: r})
	}
	matches := []nft.Expr{by}
	if len(f.Destination) == 0 {
		a := Outside(c.w, f.On, fam)
		switch {
		case !settled(c.w, f.On, fam):
			var now []netipx.IPRange
			if a.IsValid() {
				now = append(now, netipx.IPRangeFrom(a, a))
			}
			matches = append(matches, c.among(fam.Destination(), fam, now, rules.SetName("outside", f.On, fam)))
		case a.IsValid():
			sel.Destination = addresses(config.Range{From: a, To: a})
		default:
			return nil
		}
	}
	return c.each(matches, fam, sel, statements...)
}

// divert is what a port forward does with a new flow. One that needs no rule is
// marked here: that is how the forward chain knows it.
func (c *compiler) divert(f config.PortForward, to targets, fam rules.Family) []nft.Expr {
	out := c.logged(f, c.count(rules.RuleCounter(f.Name)))
	if n := c.w.Numbers[f.Name]; f.Pass && n != 0 {
		out = append(out, nft.SetMark{Field: nft.CTMark, Keep: c.w.KeptBits(), Value: uint32(n)})
	}
	return append(out, c.dnat(f, to, fam))
}

// logged is what a port forward does, with its log before it.
func (c *compiler) logged(f config.PortForward, statements ...nft.Expr) []nft.Expr {
	if !f.Log {
		return statements
	}
	reason := packetlog.Reason{Action: packetlog.Pass, Cause: packetlog.CauseForward, Rule: f.Name}
	return append([]nft.Expr{rules.Log(reason)}, statements...)
}

// dnat sends a flow to the targets. A range of ports is shifted port by port,
// because nftables has no shift of its own.
func (c *compiler) dnat(f config.PortForward, to targets, fam rules.Family) nft.NAT {
	n := nft.NAT{Kind: nft.DNAT}
	if len(to.all) == 1 && !to.comes {
		n.Addrs = to.every()
	} else {
		n.Deal, n.Is6 = c.deal(to, rules.SetName("targets", f.Name, fam), fam), fam == rules.V6
	}
	if f.TargetPort == 0 {
		return n
	}
	port := uint16(f.TargetPort)
	if len(f.Ports) == 1 && f.Ports[0].From == f.Ports[0].To {
		n.PortLo, n.PortHi = port, port
		return n
	}
	n.PortField = portField(f.Protocols, nft.TCPDport, nft.UDPDport, nft.THDport)
	first := f.Ports[0].From
	for _, r := range f.Ports {
		for p := int(r.From); p <= int(r.To); p++ {
			n.MapPorts = append(n.MapPorts, nft.PortPair{From: uint16(p), To: port + uint16(p) - first})
		}
	}
	return n
}

// portField is the field of a port of some protocols.
func portField(protocols []config.Protocol, tcp, udp, any nft.Field) nft.Field {
	if len(protocols) == 1 {
		switch protocols[0] {
		case config.TCP:
			return tcp
		case config.UDP:
			return udp
		}
	}
	return any
}
