package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
	"github.com/rempart/rempart/schedules"
)

// Why tells the reasons of a trial as a reader of the policy would, what the
// packet has before what the rule wants: "port 443 is not 22".
func (e *Evaluator) Why(t Trial, p Packet) []string {
	c := e.cross(p, e.Local(p.Dst))
	var out []string
	for r := MissDisabled; r <= MissGateway; r <<= 1 {
		if t.Misses.Has(r) {
			out = append(out, e.why(r, t.Rule, &p, c))
		}
	}
	return out
}

func (e *Evaluator) why(reason Reasons, r *config.Rule, p *Packet, c crossing) string {
	switch reason {
	case MissDisabled:
		return "it is disabled"
	case MissFrom:
		return "interface " + p.In + " is not " + e.w.placeText(r.From)
	case MissTo:
		return e.w.whyTo(r.To, p, c)
	case MissSchedule:
		return e.w.whySchedule(r.Schedule, p.At)
	case MissProtocol:
		return "protocol " + p.Protocol.String() + " is " + noneOf(texts(r.Protocols))
	case MissICMP:
		t := config.ICMPType{Protocol: p.Protocol, Type: p.ICMPType, Code: int(p.ICMPCode)}
		return "type " + icmpText(t) + " is " + noneOf(texts(r.ICMP))
	case MissFlags:
		f := p.flags()
		return fmt.Sprintf("flags %q are not %q", config.TCPFlags{Mask: f, Value: f}, r.TCPFlags)
	case MissSource:
		return "source " + e.w.WhyNot(r.Source, p.Src)
	case MissSourcePort:
		return "source port " + e.w.whyPort(r.SourcePorts, p.SrcPort)
	case MissDestination:
		return "destination " + e.w.WhyNot(r.Destination, p.Dst)
	case MissPort:
		return "port " + e.w.whyPort(r.Ports, p.DstPort)
	case MissGateway:
		return e.w.whyGateway(r, p)
	}
	return ""
}

// whyGateway tells why a rule is not there for the packet, as far as its gateway goes.
func (w *World) whyGateway(r *config.Rule, p *Packet) string {
	g, _ := steer.Find(w.Config, r.Gateway)
	if g.Is6 != p.Src.Is6() {
		return "its gateway " + r.Gateway + " is " + map[bool]string{false: "IPv4", true: "IPv6"}[g.Is6] + " and the packet is not"
	}
	return "its gateway " + r.Gateway + " is down, and on_down is next"
}

// placeText names an interface, or a zone with what is in it.
func (w *World) placeText(p config.Place) string {
	if p.Kind == config.PlaceZone {
		return "in zone " + p.Name + " (" + strings.Join(w.Config.InterfacesOf(p), ", ") + ")"
	}
	return p.String()
}

// whyTo tells in the words of the policy where the packet goes instead.
func (w *World) whyTo(to config.Place, p *Packet, c crossing) string {
	wanted := ", not " + to.String()
	switch to.Kind {
	case config.PlaceSelf:
		wanted = ", not to self"
	case config.PlaceZone:
		wanted = ", which is not " + w.placeText(to)
	}
	switch {
	case c.local && to.Kind == config.PlaceZone:
		return "it goes to self, not to zone " + to.Name
	case c.local:
		return "it goes to self" + wanted
	case c.out == "":
		return "no route leads to " + p.Dst.String()
	}
	return "it leaves by " + c.out + wanted
}

func (w *World) whySchedule(name string, at time.Time) string {
	s, loc := w.Config.Schedule(name), w.Config.System.Location
	next, again := schedules.Next(*s, loc, at)
	if !again {
		return "schedule " + name + " is off and never comes on again"
	}
	return "schedule " + name + " is off until " + moment(next, at)
}

// moment writes an instant for somebody who reads it at another: the day of the
// week does within the next six days.
func moment(t, at time.Time) string {
	if t.Sub(at) < 6*24*time.Hour {
		return t.Format("Mon 15:04")
	}
	return t.Format("Mon 2006-01-02 15:04")
}

// Until says how long a schedule that is on at an instant stays so: "until Mon 18:30".
func (w *World) Until(schedule string, at time.Time) string {
	s := w.Config.Schedule(schedule)
	if s == nil {
		return ""
	}
	next, ends := schedules.Next(*s, w.Config.System.Location, at)
	if !ends {
		return "for ever"
	}
	return "until " + moment(next, at)
}

// icmpText writes a packet's type; a code of zero is what most types have.
func icmpText(t config.ICMPType) string {
	if t.Code == 0 {
		t.Code = -1
	}
	return t.String()
}

// mostNamed is how many items of a list an explanation names.
const mostNamed = 4

// few joins the first items of a list.
func few(items []string) string {
	if len(items) > mostNamed {
		return strings.Join(items[:mostNamed], ", ") + fmt.Sprintf(" and %d more", len(items)-mostNamed)
	}
	return strings.Join(items, ", ")
}

// noneOf says that something is not the one item, or none of several.
func noneOf(items []string) string {
	if len(items) == 1 {
		return "not " + items[0]
	}
	return "none of " + few(items)
}

func texts[T fmt.Stringer](items []T) []string {
	out := make([]string, len(items))
	for i, v := range items {
		out[i] = v.String()
	}
	return out
}

// whyPort tells why a port is not in a list that does not contain it.
func (w *World) whyPort(terms []config.PortTerm, port uint16) string {
	var wanted []string
	for _, t := range terms {
		switch {
		case !t.Exclude:
			wanted = append(wanted, w.portText(t))
		case config.HasPort(w.portTerm(t), port):
			return fmt.Sprintf("%d is excluded by %s", port, t)
		}
	}
	if len(wanted) == 1 && (terms[0].Alias != "" || terms[0].Range.From != terms[0].Range.To) {
		return fmt.Sprintf("%d is not in %s", port, wanted[0])
	}
	return fmt.Sprintf("%d is %s", port, noneOf(wanted))
}

// portText writes a term of a port list, an alias with what it holds.
func (w *World) portText(t config.PortTerm) string {
	if t.Alias == "" {
		return t.String()
	}
	held := texts(w.portTerm(t))
	if len(held) == 0 {
		return t.String() + ", which is empty"
	}
	return t.String() + " (" + few(held) + ")"
}

// WhyNot tells why an address is not in a list that does not contain it:
// "10.1.2.9 is not in @web", "10.1.3.25 is excluded by !10.1.3.25".
func (w *World) WhyNot(terms []config.AddressTerm, a netip.Addr) string {
	var wanted []config.AddressTerm
	for _, t := range terms {
		switch {
		case !t.Exclude:
			wanted = append(wanted, t)
		case w.now(t, a):
			return a.String() + " is excluded by " + t.String()
		}
	}
	if len(wanted) == 1 {
		return a.String() + " is " + w.outside(wanted[0])
	}
	items := make([]string, len(wanted))
	for i, t := range wanted {
		items[i] = t.String()
		if w.hollow(t) {
			items[i] += " (empty)"
		}
	}
	return a.String() + " is in none of " + few(items)
}

// now says whether a term has an address at the moment, its exclusion mark aside.
func (w *World) now(t config.AddressTerm, a netip.Addr) bool {
	t.Exclude = false
	return NewLists(w).Read([]config.AddressTerm{t}).Contains(a)
}

// outside says that something is not in the one term.
func (w *World) outside(t config.AddressTerm) string {
	switch t.Kind {
	case config.TermSelf:
		return "no address of the gateway"
	case config.TermRange:
		if t.Range.From == t.Range.To {
			return "not " + t.String()
		}
	case config.TermAddress:
		return "not " + t.String() + " (" + few(texts(w.OwnAddresses(t.Name))) + ")"
	case config.TermNetwork:
		return "not in " + t.String() + " (" + few(texts(w.Networks(t.Name))) + ")"
	}
	if w.hollow(t) {
		return "not in " + t.String() + ", which is empty"
	}
	return "not in " + t.String()
}

// hollow says whether a term is an alias that holds nothing at the moment.
func (w *World) hollow(t config.AddressTerm) bool {
	if t.Kind != config.TermAlias {
		return false
	}
	return NewLists(w).listed(t.Name).hollow(map[*Listed]bool{})
}
