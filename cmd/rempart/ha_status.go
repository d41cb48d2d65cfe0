package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
	"github.com/spf13/cobra"
)

func haStatusCommand(p *program) *cobra.Command {
	return p.dataFlags(&cobra.Command{
		Use:   "status",
		Short: "The pair at a glance: role, peer, addresses, paths",
		Long: `Says which role this node has, since when and why, how the peer is, where the
virtual addresses are, on which networks the nodes hear each other, what makes
this node worse than it could be, and the last changes of the role. Of the
policy it says whether both nodes run the same, and else who is behind and why.

Timing is the silence after which the peer is taken to be dead: in general, when
the cable or the connection between the daemons confirms it, and when its
program is silent while its kernel still answers ("stunned").

With --json there are also counters: frames that were refused and why,
announcements, conflicts.`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd, p.daemon().HAStatus, p.showPair)
		},
	})
}

// shownRoles is how many changes of the role a screen has room for.
const shownRoles = 10

func (p *program) showPair(s view.Status) error {
	if !s.Configured {
		p.hanging(text(""), standsAlone(s))
		p.warn(s.Warnings) // such as that there is a secret which cannot be read
		return nil
	}
	p.showRoles(s)
	p.printf("\n")
	p.showPeer(s)
	p.showPolicy(s)
	p.showTiming(s.Timing)
	p.showSync(s)
	for _, t := range []*table{p.groupTable(s), p.vipTable(s), p.pathTable(s), p.demotionTable(s), p.transitionTable(s)} {
		if len(t.rows) == 0 {
			continue
		}
		p.printf("\n")
		if err := p.print(t, ""); err != nil {
			return err
		}
	}
	if len(s.Warnings) > 0 {
		p.printf("\n")
		p.warn(s.Warnings)
	}
	return nil
}

// standsAlone says what a gateway without a peer lacks. One that was paired before it had a policy gets it
// from there.
func standsAlone(s view.Status) string {
	node := s.Node
	if node == "" {
		node = "This gateway"
	}
	if p := s.Pairing; p != nil && p.Paired {
		return fmt.Sprintf("%s is paired with %s, and runs no policy with [ha] yet: one that is applied on either node comes to both.", node, p.Node)
	}
	return node + " stands alone. Of a pair each node has [ha] with a secret and the [[vip]] in rempart.toml, and [ha] with its advskew in node.toml."
}

// showRoles begins the screen: what this node is, since when and why.
func (p *program) showRoles(s view.Status) {
	width := 0
	for _, g := range s.Groups {
		width = max(width, columnsOf(g.Name))
	}
	for _, g := range s.Groups {
		head := s.Node + "  "
		if len(s.Groups) > 1 {
			head = fmt.Sprintf("%s  %-*s  ", s.Node, width, g.Name)
		}
		p.sentence(cell{head, strong}, roleCell(g.Role), fmt.Sprintf(" since %s%s", p.when(g.Since), remark(g.Why)))
	}
	if m := s.Maintenance; m != nil {
		p.hanging(cell{"maintenance ", odd}, fmt.Sprintf("since %s, by %s: the role is the peer's until `rempart ha maintenance off`", p.when(m.Since), m.By))
	}
}

// roleCell is a role in its colour.
func roleCell(role string) cell {
	inks := map[string]ink{"MASTER": good, "BACKUP": mark, "INIT": bad}
	if i, ok := inks[role]; ok {
		return cell{role, i}
	}
	return cell{role, odd}
}

// showTiming says how fast the pair is, and when this node is too late for it.
func (p *program) showTiming(t view.Timing) {
	p.hanging(text("timing      "), fmt.Sprintf("a beat each %s; dead after %s, confirmed %s, stunned %s",
		brief(t.Interval), brief(t.Dead), brief(t.Confirmed), brief(t.Stunned)))
	if 2*t.Late >= t.Interval && t.Late > 0 {
		p.sentence(text("            "), cell{"late", odd}, fmt.Sprintf(": own beats by up to %s in the last minute", brief(t.Late)))
	}
}

// brief prints a short duration: 0.3ms, 41ms, 1.2s.
func brief(d time.Duration) string {
	if d >= time.Minute {
		return span(d)
	}
	return strings.Replace(millis(report.Delay(d)), ".0", "", 1)
}

// freshness prints how long ago something came that comes many times a second.
func (p *program) freshness(t time.Time) cell {
	switch age := p.now().Sub(t); {
	case t.IsZero():
		return cell{"never", faint}
	case age < time.Second:
		return text(fmt.Sprintf("%dms ago", max(0, age).Milliseconds()))
	}
	return text(p.ago(t))
}

func (p *program) groupTable(s view.Status) *table {
	t := newTable(left("GROUP"), left("HERE"), left("PEER"), left("ADVSKEW"), left("DEMOTION"), left("PREFERRED"))
	for _, g := range s.Groups {
		theirs, skew, demotion := cell{"-", faint}, fmt.Sprint(g.AdvSkew), fmt.Sprint(g.Demotion)
		for _, o := range s.Peer.Groups {
			if o.Name == g.Name {
				theirs = roleCell(o.Role)
				skew, demotion = fmt.Sprintf("%s, %d", skew, o.AdvSkew), fmt.Sprintf("%s, %d", demotion, o.Demotion)
			}
		}
		worse := plain
		if g.Demotion > 0 {
			worse = odd
		}
		t.add(text(g.Name), roleCell(g.Role), theirs, text(skew), cell{demotion, worse}, preferred(g))
	}
	return t
}

// preferred says who is to be master, and whether he takes it by himself.
func preferred(g view.Group) cell {
	who := g.Preferred
	if who == "" {
		who = "lower advskew"
	}
	if g.Preempt {
		return text(who + ", takes it back")
	}
	return text(who + ", when ordered to")
}

func (p *program) vipTable(s view.Status) *table {
	contested := false
	for _, v := range s.VIPs {
		contested = contested || v.Conflict != ""
	}
	columns := []column{left("ADDRESS"), left("INTERFACE"), left("GROUP"), right("VHID"), left("IS")}
	if contested {
		columns = append(columns, left("ALSO ANSWERED BY"))
	}
	t := newTable(columns...)
	for _, v := range s.VIPs {
		vhid := cell{"-", faint}
		if v.VHID != 0 {
			vhid = text(fmt.Sprint(v.VHID))
		}
		row := []cell{text(v.Address.String()), text(v.Interface), text(v.Group), vhid, whereabouts(v, s.Peer)}
		if contested {
			row = append(row, cell{v.Conflict, bad})
		}
		t.add(row...)
	}
	return t
}

// whereabouts says which node has an address, as far as is known.
func whereabouts(v view.VIP, p view.Peer) cell {
	if v.Held {
		return cell{"here", good}
	}
	switch p.State {
	case "alive", "doubtful", "stunned":
		for _, g := range p.Groups {
			if g.Name == v.Group && (g.Role == "MASTER" || g.Role == "RELEASING") {
				return text("at " + p.Node)
			}
		}
	case "foreign":
		return text("elsewhere")
	}
	return cell{"nowhere", bad}
}

func (p *program) pathTable(s view.Status) *table {
	t := newTable(left("PATH"), left("DEVICE"), left("CARRIER"), left("HEARTBEAT"), left("ADVERT"), left("HEARD THERE"), right("LOST"))
	for _, path := range s.Paths {
		name := path.Interface
		if path.Cable {
			name += " (cable)"
		}
		lost := text(percent(path.Lost))
		if path.Lost >= 1 {
			lost.ink = odd
		}
		if path.Beat.IsZero() {
			lost = cell{"-", faint}
		}
		advert := p.freshness(path.Ad)
		if path.Cable && path.Ad.IsZero() {
			advert = cell{"-", faint} // no address is on it that could be advertised
		}
		t.add(text(name), text(path.Device), yes(path.Carrier), p.freshness(path.Beat), advert, yes(path.PeerHears), lost)
	}
	return t
}

// yes is a state that is good when it is so.
func yes(so bool) cell {
	if so {
		return cell{"yes", good}
	}
	return cell{"no", bad}
}

func (p *program) demotionTable(s view.Status) *table {
	t := newTable(left("WORSE BY"), right("WEIGHT"), left("FOR"), left("HEALS"))
	for _, d := range s.Demotions {
		t.add(cell{d.Reason, odd}, text(fmt.Sprint(d.Weight)), text(p.lasts(d.Since)), text(d.Heals))
	}
	return t
}

func (p *program) transitionTable(s view.Status) *table {
	several := len(s.Groups) > 1
	columns := []column{left("WHEN"), left("BECAME"), right("TOOK"), left("REASON")}
	if several {
		columns = append([]column{left("GROUP")}, columns...)
	}
	t := newTable(columns...)
	for _, c := range s.Transitions[:min(len(s.Transitions), shownRoles)] {
		took := text("")
		if c.Took > 0 {
			took = text(brief(c.Took))
		}
		row := []cell{text(p.when(c.At)), roleCell(c.To), took, text(c.Why)}
		if several {
			row = append([]cell{text(c.Group)}, row...)
		}
		t.add(row...)
	}
	return t
}
