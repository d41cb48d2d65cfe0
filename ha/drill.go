package ha

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/wire"
)

const (
	// drillRest is how long the hosts are asked before, between and after the switches.
	drillRest = time.Second
	// drillHostsPerLink is how many neighbours are asked where the user names none.
	drillHostsPerLink = 1
)

// drilled is a host that is asked during a drill. It is asked beside the loop, which may replace what
// a port stands on meanwhile: so the host has what was there when it was found.
type drilled struct {
	view.DrillHost
	wire wire.Port
	from wire.MAC // of the device
	mac  wire.MAC // zero: it has not answered yet
}

// Drill switches the role there and back, and measures what that costs the hosts around: all the
// while they are asked with a virtual address as source, and wherever their answers arrive, here or
// at the peer, they count.
func (n *Node) Drill(ctx context.Context, o view.DrillOrder, tell func(view.DrillLeg) error) (view.Drill, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostDrillTime)
	defer cancel()
	id := uint16(rand.N(1<<16-1) + 1)
	hosts, nodes, err := n.drillHosts(ctx, o)
	if err != nil {
		return view.Drill{}, err
	}
	if !n.drill.begin(time.Now(), id) {
		return view.Drill{}, view.Statef("another drill is under way")
	}
	if _, err := askPeer[struct{}](ctx, n, askDrill, about{id}); err != nil {
		n.drill.collected(id)
		return view.Drill{}, err
	}
	asking, stop := context.WithCancel(ctx)
	sent := make(chan int, 1)
	go func() { sent <- n.interrogate(asking, hosts, id, o.Rate) }()
	out := view.Drill{From: nodes.master, To: nodes.backup}
	pause(ctx, drillRest)
	for i, to := range []string{out.To, out.From} {
		leg := n.drillLeg(ctx, to, to == nodes.own, o.By)
		out.Legs = append(out.Legs, leg)
		_ = tell(leg) // whoever asked may be gone: the role goes back all the same
		if leg.Failed != "" && i == 0 {
			break
		}
		pause(ctx, drillRest)
		if i == 0 {
			n.recovered(ctx, o)
		}
	}
	stop()
	asked := <-sent
	pause(ctx, testTime) // for the last answers
	here := n.drill.collected(id)
	there, err := askPeer[collected](ctx, n, askDrillDone, about{id})
	if err != nil {
		return out, err
	}
	for _, h := range hosts {
		out.Hosts = append(out.Hosts, tally(h.DrillHost, asked, o.Rate, here, there))
	}
	return out, nil
}

// drillPatience is how long a node that gave the role away may take to be as well as before: it has to get the
// flows of the new master first.
const drillPatience = 15 * time.Second

// recovered waits until the role can go back.
func (n *Node) recovered(ctx context.Context, o view.DrillOrder) {
	for end := time.Now().Add(drillPatience); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 10*orderLook) {
		if _, err := do(ctx, n, func(time.Time) (string, error) { return n.fitForDrill(o) }); err == nil {
			return
		}
	}
}

// drillNodes are the names of the nodes of a drill.
type drillNodes struct{ own, master, backup string }

// drillLeg makes a node master of all groups.
func (n *Node) drillLeg(ctx context.Context, to string, own bool, by string) view.DrillLeg {
	leg := view.DrillLeg{Master: to}
	carry := n.Release
	if own {
		carry = n.Takeover
	}
	done, err := carry(ctx, view.Order{By: by})
	if leg.Took = done.Took; err != nil {
		leg.Failed = err.Error()
	}
	return leg
}

// drillHosts is who is asked, and which node is what now.
func (n *Node) drillHosts(ctx context.Context, o view.DrillOrder) ([]drilled, drillNodes, error) {
	var hosts []drilled
	nodes, err := do(ctx, n, func(now time.Time) (drillNodes, error) {
		master, err := n.fitForDrill(o)
		if err != nil {
			return drillNodes{}, err
		}
		out := drillNodes{own: n.settings.node, master: master, backup: n.peer.beat.Node}
		if master == out.backup {
			out.backup = out.own
		}
		hosts, err = n.targets(o)
		return out, err
	})
	if err != nil {
		return nil, drillNodes{}, err
	}
	return n.find(ctx, hosts), nodes, nil
}

// fitForDrill refuses a drill that would hurt, and says who is master.
func (n *Node) fitForDrill(o view.DrillOrder) (string, error) {
	if n.settings == nil {
		return "", view.ErrNotConfigured
	}
	if o.Rate < 1 || o.Rate > mostDrillRate {
		return "", view.Orderf("rate %d: want 1 to %d questions a second", o.Rate, mostDrillRate)
	}
	if !n.peer.living() || !n.peer.connected {
		return "", view.Statef("a drill needs a peer that lives and is connected: it is %s", n.peer.verdict)
	}
	master := ""
	for _, g := range n.groups {
		of := n.masterOf(g)
		if of == "" || master != "" && of != master {
			return "", view.Statef("a drill needs one node that is master of all groups")
		}
		master = of
		if theirs := int(n.peer.group(g.settings.name).Demotion); theirs != n.demotion(g) {
			return "", view.Statef("a drill needs two nodes that are equally well: demotion %d here, %d there in group %s", n.demotion(g), theirs, g.settings.name)
		}
	}
	return master, nil
}

const mostDrillRate = 2000

// targets is the hosts to ask: those that were named, or a neighbour on each link.
func (n *Node) targets(o view.DrillOrder) ([]drilled, error) {
	var hosts []drilled
	for _, t := range o.Hosts {
		h, ok := n.drillHost(t.Interface, t.Address)
		if !ok {
			return nil, view.Orderf("%s has no virtual address of the family of %v", t.Interface, t.Address)
		}
		hosts = append(hosts, h)
	}
	if len(hosts) > 0 {
		return hosts, nil
	}
	for _, l := range n.settings.links {
		p, found := n.ports[l.name], 0
		if l.cable || p == nil || p.wire == nil {
			continue
		}
		around, err := n.Kernel.Neighbours(p.device.Index)
		if err != nil {
			return nil, fmt.Errorf("list neighbours on %s: %w", l.name, err)
		}
		for _, a := range around {
			h, ok := n.drillHost(l.name, a)
			if ok && found < drillHostsPerLink && !slices.Contains(n.peer.addresses[l.name], a) && !a.IsLinkLocalUnicast() {
				hosts, found = append(hosts, h), found+1
			}
		}
	}
	return hosts, nil
}

// drillHost is a host on a link with the virtual address to ask it by.
func (n *Node) drillHost(link string, a netip.Addr) (drilled, bool) {
	p := n.ports[link]
	for _, g := range n.groups {
		for _, v := range g.settings.vips {
			if p != nil && p.wire != nil && v.link == link && v.prefix.Addr().Is6() == a.Is6() && !v.prefix.Addr().IsLinkLocalUnicast() && v.prefix.Addr() != a {
				return drilled{DrillHost: view.DrillHost{Address: a, Interface: link, VIP: v.prefix.Addr()}}, true
			}
		}
	}
	return drilled{}, false
}

// find asks the hosts for their hardware addresses; those that do not answer are left out.
func (n *Node) find(ctx context.Context, hosts []drilled) []drilled {
	for range 10 {
		missing := 0
		_, err := do(ctx, n, func(time.Time) (struct{}, error) {
			for i := range hosts {
				h, p := &hosts[i], n.ports[hosts[i].Interface]
				if p == nil || p.wire == nil {
					continue // it went meanwhile
				}
				h.wire, h.from, h.mac = p.wire, p.device.MAC, n.sought[h.Address]
				if h.mac == (wire.MAC{}) {
					missing++
					n.seek(p, h.Address)
				}
			}
			return struct{}{}, nil
		})
		if err != nil || missing == 0 {
			break
		}
		pause(ctx, 50*time.Millisecond)
	}
	_, _ = do(ctx, n, func(time.Time) (struct{}, error) { n.sought = nil; n.listen(); return struct{}{}, nil }) // a node that stops has no more to forget
	return slices.DeleteFunc(hosts, func(h drilled) bool { return h.mac == wire.MAC{} })
}

// seek asks for the hardware address of a host.
func (n *Node) seek(p *port, a netip.Addr) {
	if n.sought == nil {
		n.sought = map[netip.Addr]wire.MAC{}
	}
	if _, ok := n.sought[a]; !ok {
		n.sought[a] = wire.MAC{}
		n.listen()
	}
	_ = p.wire.Send(wire.AppendKnock(nil, p.device.MAC, n.own(p, a.Is6()), a))
}

// interrogate asks all hosts at the rate until ctx ends, and returns how often each was asked.
func (n *Node) interrogate(ctx context.Context, hosts []drilled, id uint16, rate int) int {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for seq := 0; seq < 1<<16; seq++ {
		for _, h := range hosts {
			_ = h.wire.Send(wire.AppendEchoRequest(nil, h.from, h.mac, h.VIP, h.Address, id, uint16(seq))) // lost is lost
		}
		select {
		case <-ctx.Done():
			return seq + 1
		case <-tick.C:
		}
	}
	return 1 << 16
}

// tally is what became of the questions to a host.
func tally(h view.DrillHost, asked, rate int, nodes ...collected) view.DrillHost {
	answered := func(seq int) bool {
		return slices.ContainsFunc(nodes, func(c collected) bool { return has(c[h.Address.String()], seq) })
	}
	h.Sent = asked
	run, worst := 0, 0
	for seq := range asked {
		if answered(seq) {
			run = 0
			continue
		}
		h.Lost++
		run++
		worst = max(worst, run)
	}
	h.Gap = time.Duration(worst) * time.Second / time.Duration(rate)
	return h
}
