package explain

import (
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

// route tells by which way the packet goes on.
func (x *Explainer) route(r *road) (report.Step, bool) {
	s := report.Step{Name: report.StepRoute, Result: report.ResultPassed}
	switch {
	case r.refusal.cause != "":
		s.Result, s.Text = report.ResultStopped, r.refusal.text
		if by := r.refusal.by; by.Refused {
			s = place(s, "route "+destination(by.Network), by.Route.Pos)
		}
		return s, true
	case r.local:
		return x.toSelf(s, r.seen), false
	case r.way.Refused: // which it does not come to
		s.Text = x.refusedBy(r, r.way).text
		return place(s, "route "+destination(r.way.Network), r.way.Route.Pos), false
	case r.way.Interface == "":
		s.Text = "no route of the policy leads to " + r.seen.Dst.String()
		s.Details = []string{x.openText()}
		return s, false
	case r.way.Gateway == nil:
		s.Text = r.seen.Dst.String() + " is on " + r.way.Interface + ", in " + r.way.Network.String()
		return x.atInterface(s, r.way.Interface, ""), false
	}
	g := r.way.Gateway
	if !named(g) { // it stands for the routes that the system has and the policy does not know
		s.Text = "by " + r.way.Interface + ", as the system routes there"
		return x.atInterface(s, r.way.Interface, ""), false
	}
	s.Text = "by " + r.way.Interface + " to gateway " + x.hop(g)
	if group := r.way.Route.Gateway; group != g.Name {
		s.Text += " of group " + group
	}
	for _, other := range r.way.Shared {
		s.Details = append(s.Details, "or by "+other.Interface+" to gateway "+x.hop(other)+", by the kernel's hash of addresses and ports")
	}
	return place(s, "route "+destination(r.way.Network), r.way.Route.Pos), false
}

// hop names a gateway and the address that it has now.
func (x *Explainer) hop(g *config.Gateway) string {
	if a := x.via(g); a.IsValid() {
		return g.Name + " " + a.String()
	}
	return g.Name
}

// destination writes the destination of a route as the policy has it.
func destination(p netip.Prefix) string {
	switch {
	case p.Bits() == 0:
		return "default"
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

// atInterface places a step at an interface of the policy, or at a key of it.
func (x *Explainer) atInterface(s report.Step, name, key string) report.Step {
	i := x.w.Config.Interface(name)
	if i == nil {
		return s
	}
	setting := "interface." + name
	if key != "" {
		setting += "." + key
	}
	return place(s, setting, i.Pos)
}

// toSelf tells why the gateway takes the packet itself.
func (x *Explainer) toSelf(s report.Step, p rules.Packet) report.Step {
	dst := p.Dst.String()
	for _, i := range x.w.Config.Interfaces {
		switch {
		case slices.Contains(x.w.OwnAddresses(i.Name), p.Dst):
			s.Text = dst + " is the gateway's own address on " + i.Name
			return x.atInterface(s, i.Name, "")
		case slices.Contains(x.w.Config.HeldOneToOne(i.Name), p.Dst):
			return x.held(s, i.Name, p)
		}
	}
	switch {
	case p.Dst.IsMulticast():
		s.Text = dst + " is multicast: the gateway may listen, and sends it no further"
	case p.Dst.IsLinkLocalUnicast():
		s.Text = dst + " is link-local: it can only be the gateway's own on " + p.In
	case p.Dst.Is6():
		s.Text = dst + " is the address of whichever router is nearest: the gateway is one"
	default:
		s.Text = dst + " is a broadcast address: the gateway may listen, and sends it no further"
	}
	return s
}

// held tells of an outside address that the gateway answers for, where nothing translates it.
func (x *Explainer) held(s report.Step, on string, p rules.Packet) report.Step {
	s.Text = p.Dst.String() + " is held for a one-to-one translation on " + on + ", which is not for what comes in by " + p.In
	for _, o := range x.w.Config.OneToOne {
		if !o.Disabled && o.On == on && o.External.Contains(p.Dst) {
			return place(s, "one_to_one "+o.Name, o.Pos)
		}
	}
	return s
}

// automatic tells of what always passes, and of what never does.
func (x *Explainer) automatic(r *road) (report.Step, bool) {
	if x.rules.Reserved(r.seen) {
		s := report.Step{
			Name: report.StepAlways, Result: report.ResultStopped,
			Text: "this port takes what the other node of the pair tells of flows, from the link of the cable alone",
		}
		return place(s, "ha", x.w.Config.HA.Pos), true
	}
	if r.decision.Cause != packetlog.CauseAutomatic {
		return report.Step{}, false
	}
	s := report.Step{
		Name: report.StepAlways, Result: report.ResultPassed,
		Text: "what neighbours, routers and multicast listeners of a link say always passes",
	}
	if x.rules.OfPair(r.packet) {
		s.Text = "what the nodes of a pair say to each other always passes, if it comes from the link"
		s = place(s, "ha", x.w.Config.HA.Pos)
	}
	return s, true
}

// source tells whether the interface takes the source.
func (x *Explainer) source(r *road) (report.Step, bool) {
	p := r.seen
	guard, checked := x.rules.Refuses(p)
	s := report.Step{Name: report.StepSource, Result: report.ResultPassed}
	switch {
	case guard != nil:
		s.Result, s.Text = report.ResultStopped, x.whyRefused(guard, p)
		return x.atInterface(s, p.In, guard.Setting), true
	case checked:
		s.Text = p.Src.String() + " may come in by " + p.In
		return x.atInterface(s, p.In, ""), false
	}
	s.Result, s.Text = report.ResultNone, p.In+" takes any source"
	return s, false
}

func (x *Explainer) whyRefused(guard *rules.Guard, p rules.Packet) string {
	src := p.Src.String()
	switch {
	case guard.Cause == packetlog.CauseSpoofed && slices.Contains(x.w.OwnAddresses(""), p.Src):
		return src + " is the gateway's own address and cannot come in by " + p.In
	case guard.Cause == packetlog.CauseSpoofed:
		return src + " lives behind " + x.rules.Way(p.Src).Interface + " and cannot come in by " + p.In
	case guard.Setting == "block_private":
		return src + " is a private address, and " + p.In + " does not take those"
	}
	return src + " is an address that nobody can have, and " + p.In + " does not take those"
}

// admin tells of the administrators' own way in.
func (x *Explainer) admin(r *road) (report.Step, bool) {
	system, p := x.w.Config.System, r.seen
	if !r.local || p.Protocol != config.TCP || len(system.Admin) == 0 {
		return report.Step{}, false
	}
	s := report.Step{Name: report.StepAdmin, Result: report.ResultNone}
	s = place(s, "system.admin", system.Admin[0].Pos)
	switch {
	case !config.HasPort(system.AdminPorts, p.DstPort):
		s.Text = "port " + config.PortRange{From: p.DstPort, To: p.DstPort}.String() + " is not one that administers the gateway (" + join(system.AdminPorts) + ")"
	case !x.rules.IsAdmin(p):
		s.Text = x.w.WhyNot(system.Admin, p.Src)
	default:
		s.Result = report.ResultPassed
		s.Text = p.Src.String() + " administers the gateway, whatever the rules say"
		return s, true
	}
	return s, false
}
