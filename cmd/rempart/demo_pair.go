package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rempart/rempart/lab"
)

const (
	// demoRate is how many probes a second go each way.
	demoRate = 1000
	// demoRest is how long traffic goes on before and after something happens to the pair.
	demoRest = 700 * time.Millisecond
	// stalled is how long probes have to be without an echo until traffic does not flow.
	stalled = 100 * time.Millisecond
	// tooLate is how late probes are on a machine that is too busy to measure with.
	tooLate = 20 * time.Millisecond
)

// demoProbe is traffic in one direction.
type demoProbe struct {
	name   string
	stream *lab.Stream
}

// pair waits until the nodes have their roles, and shows them.
func (d *demo) pair(ctx context.Context) error {
	if err := d.roles(ctx, d.fw1, d.fw2); err != nil {
		return err
	}
	for _, n := range d.nodes() {
		if err := d.await(ctx, n.name()+" to hear the other node", func() bool { return n.hears(ctx) }); err != nil {
			return err
		}
	}
	d.heading("The pair")
	if err := d.command(ctx, d.fw1, "ha", "status"); err != nil {
		return err
	}
	d.heading("One public address is enough: on the WAN the nodes have none of their own")
	if err := errors.Join(d.public(ctx, d.fw1), d.public(ctx, d.fw2)); err != nil {
		return err
	}
	d.say("203.0.113.5 has no vhid: it follows the role, and no CARP is spoken there. 192.0.0.8 is nobody's (RFC 7600): " +
		"with some address on the WAN the kernel keeps its routes when the other one goes.")
	return nil
}

// demoNetworks are the devices of a node that lead to others than the other node.
var demoNetworks = []string{"lan", "dmz", "wan"}

// public shows the addresses that a node has on the WAN.
func (d *demo) public(ctx context.Context, n *demoNode) error {
	out, err := n.host.Run(ctx, "ip", "-4", "-brief", "address", "show", "dev", "wan")
	if err != nil {
		return err
	}
	has := "none"
	if words := strings.Fields(out); len(words) > 2 {
		has = strings.Join(words[2:], " ")
	}
	d.printf("%s# ip -4 -brief address show dev wan: %s\n", n.name(), has)
	return nil
}

// roles waits until one node is master and the other its backup.
func (d *demo) roles(ctx context.Context, master, backup *demoNode) error {
	return d.await(ctx, fmt.Sprintf("%s to be master and %s backup", master.name(), backup.name()), func() bool {
		first, second := master.is(ctx, "MASTER"), backup.is(ctx, "BACKUP")
		return first && second
	})
}

// traffic begins to send probes both ways.
func (d *demo) traffic(ctx context.Context) error {
	d.heading("Traffic: a thousand probes a second each way")
	d.began = time.Now()
	d.probes = []demoProbe{
		{"outbound", d.office.Stream(demoWeb, demoRate)},
		{"inbound", d.internet.Stream(demoPublic, demoRate)},
	}
	if err := d.net.Err(); err != nil {
		return err
	}
	d.printf("  %-10s office -> internet, translated to %s\n", "outbound", demoPublic.Addr())
	d.printf("  %-10s internet -> %s, forwarded to the server\n", "inbound", demoPublic)
	d.say("They are UDP. Flows of any protocol go on at the other node, which has them in its kernel before it needs them.")
	d.say("In the timelines:")
	d.printf("%s\n", legend)
	return d.flows(ctx)
}

// flows waits until traffic flows both ways, and lets it.
func (d *demo) flows(ctx context.Context) error {
	for _, p := range d.probes {
		if err := d.await(ctx, p.name+" traffic", func() bool {
			all := p.stream.Outages()
			return p.stream.Stats().Echoed > 0 && (len(all) == 0 || !all[len(all)-1].Open || all[len(all)-1].Gap() < stalled)
		}); err != nil {
			return err
		}
	}
	return d.rest(ctx, demoRest)
}

// killed kills the daemon of the master.
func (d *demo) killed(ctx context.Context) error {
	d.heading("The daemon of fw1, the master, is killed. Its kernel forwards until fw2 takes over")
	at := time.Now()
	_ = d.fw1.daemon.Kill() // how it ended is known
	d.fw1.note(at, "dead")
	if err := d.taken(ctx, "The daemon of fw1 is killed", at); err != nil {
		return err
	}
	return d.back(ctx, "The daemon is started again; fw1 is preferred, and takes the role back")
}

// unpowered takes the power from the master: all its cables are dead at once.
func (d *demo) unpowered(ctx context.Context) error {
	d.heading("fw1, master again, loses its power")
	at := time.Now()
	d.fw1.host.Silence(demoNetworks...)
	d.fw1.host.Down("sync")
	_ = d.fw1.daemon.Kill() // how it ended is known
	d.fw1.note(at, "dead")
	if err := d.taken(ctx, "fw1 loses its power", at); err != nil {
		return err
	}
	for _, dev := range demoNetworks { // a machine that boots has no addresses yet
		if _, err := d.fw1.host.Run(ctx, "ip", "-4", "address", "flush", "dev", dev); err != nil {
			return err
		}
	}
	d.fw1.host.Speak(demoNetworks...)
	d.fw1.host.Up("sync")
	return d.back(ctx, "The power returns; fw1 boots, and takes the role back")
}

// taken waits until fw2 is master, since fw1 died at an instant.
func (d *demo) taken(ctx context.Context, title string, at time.Time) error {
	if err := d.await(ctx, "fw2 to be master", func() bool { return d.fw2.is(ctx, "MASTER") }); err != nil {
		return err
	}
	d.tellMaster(d.fw2, at)
	if err := d.cost(ctx, at); err != nil {
		return err
	}
	return d.zoom(title, at)
}

// tellMaster says how long after an instant a node became master, and why.
func (d *demo) tellMaster(n *demoNode, at time.Time) {
	last := n.past[len(n.past)-1]
	text := fmt.Sprintf("MASTER after %s: %s", brief(last.At.Sub(at)), last.Why)
	d.printf("  %-10s %s\n", n.name(), strings.Join(wrap(text, timeColumns), "\n"+strings.Repeat(" ", nameColumns+1)))
}

// back starts the daemon of fw1 again, which takes the role back when it has been well for a while.
func (d *demo) back(ctx context.Context, title string) error {
	d.heading(title)
	at := time.Now()
	if err := d.fw1.start(ctx); err != nil {
		return err
	}
	d.fw1.note(at, "starts")
	if err := d.roles(ctx, d.fw1, d.fw2); err != nil {
		return err
	}
	d.tellMaster(d.fw1, at)
	return d.cost(ctx, at)
}

// released gives the role to the other node by order.
func (d *demo) released(ctx context.Context) error {
	d.heading("A planned switch, such as before an upgrade")
	at := time.Now()
	if err := d.command(ctx, d.fw1, "ha", "release"); err != nil {
		return err
	}
	if err := d.roles(ctx, d.fw2, d.fw1); err != nil {
		return err
	}
	if err := d.cost(ctx, at); err != nil {
		return err
	}
	return d.zoom("fw1 is told to release", at)
}

// cost tells what traffic noticed since an instant.
func (d *demo) cost(ctx context.Context, at time.Time) error {
	if err := d.flows(ctx); err != nil {
		return err
	}
	for _, p := range d.probes {
		d.printf("  %-10s %s\n", p.name, toll(between(p.stream.Outages(), at, time.Now().Add(-stalled))))
	}
	return nil
}

// zoom draws what has happened since an instant.
func (d *demo) zoom(title string, at time.Time) error {
	t := d.since(title, at)
	t.lead, t.until = tickColumns, t.last().Add(t.last().Sub(at)/4)
	d.printf("\n%s", t.draw())
	return nil
}

// whole draws all that has happened since traffic began.
func (d *demo) whole(context.Context) error {
	var late time.Duration
	for _, p := range d.probes {
		late = max(late, p.stream.Stop().Late)
	}
	d.heading("All of it")
	t := d.since("Traffic begins", d.began)
	t.until = t.known
	d.printf("%s\n%s\n", t.draw(), legend)
	if late > tooLate {
		d.say(fmt.Sprintf("This machine was busy: some probes were sent up to %s late, which can make a gap look longer than it is.", brief(late)))
	}
	return nil
}

// since is what nodes and traffic did since an instant.
func (d *demo) since(title string, at time.Time) timeline {
	// What was sent just now may be on its way.
	t := timeline{title: title, zero: at, known: time.Now().Add(-stalled)}
	for _, n := range d.nodes() {
		t.nodes = append(t.nodes, nodeLane{n.name(), n.roles()})
	}
	for _, p := range d.probes {
		t.traffic = append(t.traffic, trafficLane{p.name, between(p.stream.Outages(), at, t.known)})
	}
	return t
}
