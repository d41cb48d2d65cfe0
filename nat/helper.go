package nat

import (
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
)

// chainHelper gives new flows their helpers. It runs when the flow is known and
// before it is translated: the translation makes room for sequence numbers that
// change, and does so only where it finds a helper.
const (
	chainHelper    = "assign_helper"
	helperPriority = -150
)

// helper is a helper of the kernel for one transport protocol, and where it listens.
type helper struct {
	nft.Helper
	port uint16
}

// protocol is the transport protocol.
func (h helper) protocol() config.Protocol { return config.Protocol(h.Protocol) }

func newHelper(name, kind string, p config.Protocol, port uint16) helper {
	return helper{nft.Helper{Name: name, Type: kind, Protocol: uint8(p)}, port}
}

// helpersOf is the kernel's helpers behind one of the policy.
func helpersOf(h config.Helper) []helper {
	switch h {
	case config.HelperFTP:
		return []helper{newHelper("ftp_tcp", "ftp", config.TCP, 21)}
	case config.HelperSIP:
		return []helper{newHelper("sip_tcp", "sip", config.TCP, 5060), newHelper("sip_udp", "sip", config.UDP, 5060)}
	case config.HelperTFTP:
		return []helper{newHelper("tftp_udp", "tftp", config.UDP, 69)}
	case config.HelperPPTP:
		return []helper{newHelper("pptp_tcp", "pptp", config.TCP, 1723)}
	case config.HelperH323:
		return []helper{newHelper("q931_tcp", "Q.931", config.TCP, 1720), newHelper("ras_udp", "RAS", config.UDP, 1719)}
	}
	return nil
}

// HelperTypes is the kernel's names of what a helper of the policy needs.
func HelperTypes(h config.Helper) []string {
	var out []string
	for _, x := range helpersOf(h) {
		if !slices.Contains(out, x.Type) {
			out = append(out, x.Type)
		}
	}
	return out
}

// helpers makes the helpers of the policy and the chain that gives them to flows:
// by the port that a flow is sent to, and by the one that a port forward leads it
// to. What the gateway itself sends has none.
func (c *compiler) helpers() {
	var all []helper
	for _, name := range c.w.Config.NAT.Helpers {
		for _, h := range helpersOf(name) {
			if !slices.Contains(all, h) {
				all = append(all, h)
			}
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b helper) int { return strings.Compare(a.Name, b.Name) })
	chain := nft.Chain{Name: chainHelper, Hook: hook(nft.Prerouting, helperPriority)}
	chain.Hook.Type = "filter"
	for _, h := range all {
		c.part.Helpers = append(c.part.Helpers, h.Helper)
		for _, f := range forwards(c.w.Config) {
			if from, ok := h.forwarded(f); ok {
				chain.Rules = append(chain.Rules, c.assignForwarded(f, h, from)...)
			}
		}
		port := nft.Match{Field: portField([]config.Protocol{h.protocol()}, nft.TCPDport, nft.UDPDport, 0), Values: []nft.Value{nft.Number(nft.TypePort, uint32(h.port))}}
		chain.Rules = append(chain.Rules, nft.Rule{Comment: "helper " + h.Type, Exprs: []nft.Expr{
			begins(), port, nft.SetHelper{Helper: h.Name},
		}})
	}
	c.part.Chains = append(c.part.Chains, chain)
}

// begins matches the first packet of a flow.
func begins() nft.Expr { return nft.CTState{States: nft.StateNew} }

// forwarded is the outside port that a port forward leads to a helper's from another.
func (h helper) forwarded(f config.PortForward) (from uint16, ok bool) {
	if f.Exclude || f.TargetPort == 0 || !slices.Contains(f.Protocols, h.protocol()) {
		return 0, false
	}
	first := f.Ports[0]
	n := int(first.From) + int(h.port) - f.TargetPort
	if n < int(first.From) || n > int(first.To) || n == int(h.port) {
		return 0, false
	}
	return uint16(n), true
}

// assignForwarded gives the helper to what a port forward leads to its port.
func (c *compiler) assignForwarded(f config.PortForward, h helper, from uint16) []nft.Rule {
	f.Protocols = []config.Protocol{h.protocol()}
	var out []nft.Rule
	for _, fam := range families {
		if to := targetsOf(c.w, f, fam); len(to.all) > 0 || to.comes {
			by := c.by(nft.IIFName, entries(c.w, f)...)
			out = append(out, c.arriving(f, fam, by, []config.PortRange{{From: from, To: from}}, nft.SetHelper{Helper: h.Name})...)
		}
	}
	for i := range out {
		out[i].Exprs = slices.Insert(out[i].Exprs, 0, begins())
	}
	return out
}
