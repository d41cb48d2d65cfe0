package analysis

import (
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
)

// impossible says why a rule's region is empty: the first of its conditions
// that nothing can meet, or the two that nothing meets together.
func (g *ground) impossible(r *config.Rule) string {
	sources, destinations := g.list(r.Source, true), g.list(r.Destination, false)
	switch {
	case r.Schedule != "" && g.time(r.Schedule).Empty():
		return fmt.Sprintf("schedule %q is not on in the coming year", r.Schedule)
	case len(sources) == 0:
		return fmt.Sprintf("source = [%s] holds no address", list(r.Source))
	case len(destinations) == 0:
		return fmt.Sprintf("destination = [%s] holds no address", list(r.Destination))
	case len(g.speeches(r)) == 0:
		return g.unspoken(r)
	}
	if r.To.Kind != config.PlaceAny {
		anywhere := *r
		anywhere.To = config.Place{}
		if len(g.region(&anywhere)) > 0 {
			return g.elsewhere(r, destinations)
		}
	}
	anyProtocol := *r
	anyProtocol.Protocols, anyProtocol.ICMP, anyProtocol.To = nil, nil, config.Place{}
	anyProtocol.Ports, anyProtocol.SourcePorts, anyProtocol.TCPFlags = nil, nil, nil
	if len(g.region(&anyProtocol)) > 0 {
		return fmt.Sprintf("its addresses are of the family that %s is not", r.Protocols[0])
	}
	return "its source and destination are never of one family"
}

// unspoken says which part of a header nothing can have.
func (g *ground) unspoken(r *config.Rule) string {
	switch {
	case len(r.Ports) > 0 && ports(g.w.Ports(r.Ports)).Empty():
		return fmt.Sprintf("port = [%s] holds no port", list(r.Ports))
	case len(r.SourcePorts) > 0 && ports(g.w.Ports(r.SourcePorts)).Empty():
		return fmt.Sprintf("source_port = [%s] holds no port", list(r.SourcePorts))
	case r.TCPFlags != nil:
		return fmt.Sprintf("no packet that begins a flow has the TCP flags %s", r.TCPFlags)
	}
	return "no packet has such a header"
}

// elsewhere says where a rule's destination is instead of where the rule wants it.
func (g *ground) elsewhere(r *config.Rule, destinations []chosen) string {
	var at []string
	lies := func(where string, there lines) {
		for _, d := range destinations {
			if !d.intersect(there).empty() {
				at = append(at, where)
				return
			}
		}
	}
	lies("the gateway itself", g.local)
	for _, i := range g.w.Config.Interfaces {
		lies(i.Name, g.behind[i.Name])
	}
	lies("a route that refuses", g.barred)
	if g.nowhere.meets(destinations) {
		at = append(at, "no place that the policy knows")
	}
	if len(at) > mostNamed {
		at = append(at[:mostNamed], "others")
	}
	what := "its destination"
	if len(r.Destination) > 0 {
		what = fmt.Sprintf("destination = [%s]", list(r.Destination))
	}
	return fmt.Sprintf("to = %q, and %s leads to %s", r.To, what, enumeration(at))
}

func (l lines) meets(some []chosen) bool {
	for _, c := range some {
		for f := range l {
			if l[f].Meets(c.lines[f]) {
				return true
			}
		}
	}
	return false
}

// list writes a list as the policy has it.
func list[T fmt.Stringer](terms []T) string {
	words := make([]string, len(terms))
	for i, t := range terms {
		words[i] = fmt.Sprintf("%q", t.String())
	}
	return strings.Join(words, ", ")
}
