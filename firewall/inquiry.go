package firewall

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

// inquiry says what becomes of packets under a policy of which not all has to be
// known: a list may never have been fetched, a name never resolved, and what the
// system routes by an interface without addresses in the policy it alone knows.
// What is unknown is taken to be empty, and to be everything for comparison:
// when that makes a difference, the answer hangs on it.
type inquiry struct {
	known *explain.Explainer
	could []possibility
}

// possibility is the policy with something unknown that holds everything.
type possibility struct {
	unknown string
	policy  *explain.Explainer
}

// unknown is something that is not known, and the world in which it holds everything.
type unknown struct {
	what string
	fill func(*rules.World)
}

// newInquiry is asked about packets between the given addresses.
func newInquiry(w *rules.World, between []netip.Addr) *inquiry {
	w = withSystemRoute(w)
	q := &inquiry{known: explain.New(w)}
	all := unknowns(w, between)
	for _, u := range all {
		q.could = append(q.could, possibility{u.what, explain.New(filled(w, u))})
	}
	if len(all) > 1 {
		names := make([]string, len(all))
		for i, u := range all {
			names[i] = u.what
		}
		q.could = append(q.could, possibility{strings.Join(names, ", "), explain.New(filled(w, all...))})
	}
	return q
}

// explain says what becomes of a packet as far as the policy is known.
func (q *inquiry) explain(p config.Packet, at time.Time, reply bool) report.Explanation {
	return q.known.Explain(p, at, reply)
}

// hangsOn says on what unknown thing it depends whether an answer is the same
// as the one that is known; empty: on nothing.
func (q *inquiry) hangsOn(p config.Packet, at time.Time, reply bool, same func(report.Explanation) bool) string {
	known := q.known.Outcome(p, at)
	for _, c := range q.could {
		if !reply && c.policy.Outcome(p, at).Same(known) {
			continue // far cheaper than to explain
		}
		if !same(c.policy.Explain(p, at, reply)) {
			return c.unknown
		}
	}
	return ""
}

// unknowns is what the policy wants to learn and has not, and the interfaces
// whose networks are the system's.
func unknowns(w *rules.World, between []netip.Addr) []unknown {
	var out []unknown
	names := map[string]bool{}
	for _, a := range w.Config.Aliases {
		if a.Kind == config.AliasList && w.Lists[a.Name] == nil {
			out = append(out, unknown{"what alias " + a.Name + " holds", func(w *rules.World) { w.Lists[a.Name] = everyAddress() }})
		}
		for _, t := range a.Addresses {
			if t.Kind != config.TermDomain || w.Names[t.Name] != nil || names[t.Name] {
				continue
			}
			names[t.Name] = true
			out = append(out, unknown{"the addresses of " + t.Name, func(w *rules.World) { w.Names[t.Name] = between }})
		}
	}
	for _, i := range w.Config.Interfaces {
		if len(w.Networks(i.Name)) == 0 && !systemRoutesBy(w.Config, i.Name) && !learnsHop(w.Config, i.Name) {
			out = append(out, unknown{"what the system routes by " + i.Name, func(w *rules.World) { w.Config = withDefault(w.Config, i.Name, first) }})
		}
	}
	return out
}

// learnsHop says whether the policy has a gateway for what the system routes by an interface.
func learnsHop(c *config.Config, iface string) bool {
	return slices.ContainsFunc(c.Gateways, func(g config.Gateway) bool { return g.Interface == iface && g.Learned != config.LearnedNot })
}

// filled is the world in which unknown things hold everything.
func filled(w *rules.World, all ...unknown) *rules.World {
	out := *w
	out.Lists, out.Names = map[string]*netipx.IPSet{}, map[string][]netip.Addr{}
	maps.Copy(out.Lists, w.Lists)
	maps.Copy(out.Names, w.Names)
	for _, u := range all {
		u.fill(&out)
	}
	return &out
}

func everyAddress() *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range everywhere {
		b.AddPrefix(p)
	}
	s, err := b.IPSet()
	if err != nil {
		panic("firewall: " + err.Error()) // of two constant prefixes
	}
	return s
}

// everywhere is all addresses, by family.
var everywhere = [...]netip.Prefix{
	netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0),
}

// systemGateway stands for whatever the system's own default route leads to. It
// has no address, and no gateway of a policy can have such a name.
const systemGateway = "(the system's)"

// Metrics of routes that are thought up: before and after those of the policy.
const (
	first = -2
	last  = 1 << 30
)

// withSystemRoute is the world in which the only way out that a policy leaves
// to the system has the default route: a gateway that gets its outside address
// by DHCP gets the route with it.
func withSystemRoute(w *rules.World) *rules.World {
	out := ""
	for _, i := range w.Config.Interfaces {
		switch {
		case !i.External:
		case out != "" || len(w.Networks(i.Name)) > 0:
			return w
		default:
			out = i.Name
		}
	}
	if out == "" {
		return w
	}
	with := *w
	with.Config = withDefault(w.Config, out, last)
	return &with
}

// withDefault is the policy with a default route more.
func withDefault(c *config.Config, iface string, metric int) *config.Config {
	out := *c
	name := systemGateway
	for out.Gateway(name) != nil {
		name += " "
	}
	out.Gateways = append(slices.Clip(c.Gateways), config.Gateway{Name: name, Interface: iface})
	for _, p := range everywhere {
		out.Routes = append(slices.Clip(out.Routes), config.Route{Destination: p, Gateway: name, Metric: metric})
	}
	return &out
}

// systemRoutesBy says whether withSystemRoute chose an interface.
func systemRoutesBy(c *config.Config, iface string) bool {
	g := c.Gateway(systemGateway)
	return g != nil && g.Interface == iface
}
