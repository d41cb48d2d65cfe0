package nat

import (
	"net/netip"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules"
)

// spreadSeed makes the choice among several targets the same on both nodes of a pair.
const spreadSeed = 0x72656d70

// forward translates what comes in for a port forward, by its own interface
// and, with reflection, by the inside ones.
func (c *compiler) forward(f config.PortForward) []nft.Rule {
	var out []nft.Rule
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		targets := c.targets(f, fam)
		dst := c.destination(f, fam)
		if len(targets) == 0 || len(dst) == 0 {
			continue
		}
		ports := make([]config.PortTerm, len(f.Ports))
		for i, r := range f.Ports {
			ports[i] = config.PortTerm{Range: r}
		}
		for _, a := range c.sets.Alternatives(rules.Selector{
			Name: f.Name, Source: f.Source, Destination: dst, Protocols: f.Protocols, Ports: ports,
		}) {
			if a.Family != fam {
				continue
			}
			exprs := []nft.Expr{rules.Devices(nft.IIFName, c.entries(f))}
			exprs = append(exprs, a.Matches...)
			if f.Log {
				exprs = append(exprs, rules.Log(packetlog.Reason{Action: packetlog.Pass, Cause: packetlog.CauseForward, Rule: f.Name}))
			}
			exprs = append(exprs, c.count(rules.RuleCounter(f.Name)))
			if n := c.w.Numbers[f.Name]; f.Pass && n != 0 {
				exprs = append(exprs, nft.SetMark{Field: nft.CTMark, Value: uint32(n)})
			}
			out = append(out, nft.Rule{Exprs: append(exprs, dnat(f, targets)), Comment: f.Name})
		}
	}
	return out
}

// entries is the devices by which a port forward is reached.
func (c *compiler) entries(f config.PortForward) []string {
	out := []string{c.w.Device(f.On)}
	if c.w.Config.NAT.Reflection {
		for _, i := range c.w.Config.Interfaces {
			if !i.External && i.Name != f.On {
				out = append(out, c.w.Device(i.Name))
			}
		}
	}
	return out
}

// destination is the outside addresses of a port forward: those it names, or its interface's.
func (c *compiler) destination(f config.PortForward, fam rules.Family) []config.AddressTerm {
	if len(f.Destination) > 0 {
		return f.Destination
	}
	if a := Outside(c.w, f.On, fam); a.IsValid() {
		return single(a)
	}
	return nil
}

// maxTargets bounds how many addresses a port forward spreads over.
const maxTargets = 256

func (c *compiler) targets(f config.PortForward, fam rules.Family) []netip.Addr {
	var out []netip.Addr
	for _, r := range c.w.Resolve(f.Target).Set.Ranges() {
		for a := r.From(); fam.Has(r.From()) && a.Compare(r.To()) <= 0 && len(out) < maxTargets; a = a.Next() {
			out = append(out, a)
		}
	}
	return out
}

// dnat sends a flow to the targets. A range of ports is shifted port by port,
// because nftables has no shift of its own.
func dnat(f config.PortForward, targets []netip.Addr) nft.NAT {
	n := nft.NAT{Kind: nft.DNAT, Addrs: targets, Seed: spreadSeed}
	if f.TargetPort == 0 {
		return n
	}
	port := uint16(f.TargetPort)
	if len(f.Ports) == 1 && f.Ports[0].From == f.Ports[0].To {
		n.PortLo, n.PortHi = port, port
		return n
	}
	n.PortField = nft.THDport
	if len(f.Protocols) == 1 {
		switch f.Protocols[0] {
		case config.TCP:
			n.PortField = nft.TCPDport
		case config.UDP:
			n.PortField = nft.UDPDport
		}
	}
	first := f.Ports[0].From
	for _, r := range f.Ports {
		for p := int(r.From); p <= int(r.To); p++ {
			n.MapPorts = append(n.MapPorts, nft.PortPair{From: uint16(p), To: port + uint16(p) - first})
		}
	}
	return n
}

// hairpins changes the source of reflected flows whose client and server share
// a segment; without that the server would answer the client directly.
func (c *compiler) hairpins() []nft.Rule {
	var out []nft.Rule
	for _, i := range c.w.Config.Interfaces {
		a := Outside(c.w, i.Name, rules.V4)
		if i.External || !a.IsValid() {
			continue
		}
		for _, p := range c.w.Networks(i.Name) {
			if !p.Addr().Is4() {
				continue
			}
			device := c.w.Device(i.Name)
			out = append(out, nft.Rule{Comment: "reflection", Exprs: []nft.Expr{
				rules.Devices(nft.IIFName, []string{device}), rules.Devices(nft.OIFName, []string{device}),
				nft.CTStatus{Bits: nft.StatusDNAT}, within(p, rules.Family.Source),
				c.count(CounterReflected), nft.NAT{Kind: nft.SNAT, Addrs: []netip.Addr{a}},
			}})
		}
	}
	return out
}

// Inbound says what inbound translation makes of a destination: the new
// address and port, and the port forward that did it (empty: none did). It
// reads the policy as it is written; among several targets it gives the first,
// since only the kernel's hash of the source knows which.
func Inbound(w *rules.World, p rules.Packet) (netip.Addr, uint16, string) {
	c := &compiler{w: w}
	for _, f := range w.Config.PortForwards {
		fam := familyOf(p.Dst)
		targets := c.targets(f, fam)
		if f.Disabled || len(targets) == 0 || !c.entersBy(f, p.In) || !hasProtocol(f, p.Protocol) {
			continue
		}
		dst := c.destination(f, fam)
		if len(dst) == 0 || !w.Resolve(dst).Contains(w, p.Dst) || !w.Resolve(f.Source).Contains(w, p.Src) {
			continue
		}
		for _, r := range f.Ports {
			if r.From <= p.DstPort && p.DstPort <= r.To {
				port := p.DstPort
				if f.TargetPort != 0 {
					port = uint16(f.TargetPort) + p.DstPort - f.Ports[0].From
				}
				return targets[0], port, f.Name
			}
		}
	}
	return p.Dst, p.DstPort, ""
}

func (c *compiler) entersBy(f config.PortForward, iface string) bool {
	if f.On == iface {
		return true
	}
	i := c.w.Config.Interface(iface)
	return c.w.Config.NAT.Reflection && i != nil && !i.External
}

func hasProtocol(f config.PortForward, p config.Protocol) bool {
	for _, q := range f.Protocols {
		if q == p {
			return true
		}
	}
	return false
}
