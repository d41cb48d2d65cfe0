package nat

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules"
)

// spreadSeed makes the choice among several targets the same on both nodes of a pair.
const spreadSeed = 0x72656d70

// forwards is the port forwards in force, in the order in which they are tried.
func forwards(c *config.Config) []config.PortForward {
	return slices.DeleteFunc(slices.Clone(c.PortForwards), func(f config.PortForward) bool { return f.Disabled })
}

// forward translates what comes in for a port forward.
func (c *compiler) forward(f config.PortForward) []nft.Rule {
	var by []string
	for _, name := range entries(c.w, f) {
		by = append(by, c.w.Device(name))
	}
	ports := make([]config.PortTerm, len(f.Ports))
	for i, r := range f.Ports {
		ports[i] = config.PortTerm{Range: r}
	}
	var out []nft.Rule
	for _, fam := range []rules.Family{rules.V4, rules.V6} {
		to, dst := targets(c.w, f, fam), destination(c.w, f, fam)
		if len(to) == 0 || len(dst) == 0 {
			continue
		}
		sel := rules.Selector{Name: f.Name, Source: f.Source, Destination: dst, Protocols: f.Protocols, Ports: ports}
		out = append(out, c.each(rules.Devices(nft.IIFName, by), fam, sel, f.Name, c.divert(f, to)...)...)
	}
	return out
}

// divert is what a port forward does with a new flow. One that needs no rule is
// marked here: that is how the forward chain knows it.
func (c *compiler) divert(f config.PortForward, to []netip.Addr) []nft.Expr {
	var out []nft.Expr
	if f.Log {
		out = append(out, rules.Log(packetlog.Reason{Action: packetlog.Pass, Cause: packetlog.CauseForward, Rule: f.Name}))
	}
	out = append(out, c.count(rules.RuleCounter(f.Name)))
	if n := c.w.Numbers[f.Name]; f.Pass && n != 0 {
		out = append(out, nft.SetMark{Field: nft.CTMark, Value: uint32(n)})
	}
	return append(out, dnat(f, to))
}

// destination is the outside addresses of a port forward: those it names, or its interface's.
func destination(w *rules.World, f config.PortForward, fam rules.Family) []config.AddressTerm {
	if len(f.Destination) > 0 {
		return f.Destination
	}
	if a := Outside(w, f.On, fam); a.IsValid() {
		return addresses(config.Range{From: a, To: a})
	}
	return nil
}

// maxTargets bounds how many addresses a port forward spreads over.
const maxTargets = 256

// targets is the inside addresses of a port forward.
func targets(w *rules.World, f config.PortForward, fam rules.Family) []netip.Addr {
	var out []netip.Addr
	for _, r := range w.Resolve(f.Target).Set.Ranges() {
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
