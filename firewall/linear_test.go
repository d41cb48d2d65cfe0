package firewall

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// smallest is the least that a stateful gateway does, as one writes it by hand.
const smallest = `table inet peer {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "lan0" ct state new accept
	}
}
`

// linear is a policy as the list that it is written as: one rule after the
// other in one chain, behind the flows that are established, as people write
// it for nft -f and as other front ends make it. It knows what ruleList and
// classBench use.
func linear(w *rules.World) string {
	var b strings.Builder
	b.WriteString("table inet peer {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n")
	b.WriteString("\t\tct state established,related accept\n\t\tct state invalid drop\n")
	for _, r := range w.Config.Rules {
		for _, protocol := range perProtocol(r) {
			fmt.Fprintf(&b, "\t\t%scounter %s comment \"%s\"\n", linearMatch(w, r, protocol), verdictOf(r.Action), r.Name)
		}
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// perProtocol is the protocols of a rule, or 0 for any.
func perProtocol(r config.Rule) []config.Protocol {
	if len(r.Protocols) == 0 {
		return []config.Protocol{0}
	}
	return r.Protocols
}

func verdictOf(a config.Action) string {
	if a == config.Pass {
		return "accept"
	}
	return "drop"
}

func linearMatch(w *rules.World, r config.Rule, protocol config.Protocol) string {
	var b strings.Builder
	for _, place := range []struct {
		key string
		at  config.Place
	}{{"iifname", r.From}, {"oifname", r.To}} {
		if place.at.Kind == config.PlaceInterface {
			fmt.Fprintf(&b, "%s %q ", place.key, w.Device(place.at.Name))
		}
	}
	b.WriteString(linearAddress("saddr", r.Source))
	b.WriteString(linearAddress("daddr", r.Destination))
	ports := linearPorts(protocol, "sport", r.SourcePorts) + linearPorts(protocol, "dport", r.Ports)
	switch {
	case len(r.ICMP) > 0:
		fmt.Fprintf(&b, "icmp type %d ", r.ICMP[0].Type)
	case ports != "":
		b.WriteString(ports)
	case protocol != 0:
		fmt.Fprintf(&b, "meta l4proto %d ", protocol)
	}
	return b.String()
}

func linearAddress(key string, terms []config.AddressTerm) string {
	if len(terms) == 0 {
		return ""
	}
	from, to := terms[0].Range.From, terms[0].Range.To
	if p, ok := netipx.IPRangeFrom(from, to).Prefix(); ok {
		if p.Bits() == 32 {
			return fmt.Sprintf("ip %s %s ", key, p.Addr())
		}
		return fmt.Sprintf("ip %s %s ", key, p)
	}
	return fmt.Sprintf("ip %s %s-%s ", key, from, to)
}

func linearPorts(protocol config.Protocol, key string, terms []config.PortTerm) string {
	if len(terms) == 0 {
		return ""
	}
	name := map[config.Protocol]string{config.TCP: "tcp", config.UDP: "udp"}[protocol]
	if r := terms[0].Range; r.From != r.To {
		return fmt.Sprintf("%s %s %d-%d ", name, key, r.From, r.To)
	}
	return fmt.Sprintf("%s %s %d ", name, key, terms[0].Range.From)
}
