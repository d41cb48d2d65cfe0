package nft

import "net/netip"

// Route says by which device a packet leaves for an address, or that the machine
// takes it itself; neither: there is no route.
type Route func(dst netip.Addr) (out string, local bool)

// Journey is the road of a packet through the machine.
type Journey struct {
	Verdict VerdictKind // Accept or Drop
	Reject  RejectKind  // of a Drop whose sender is told; 0: silent
	Decided Place       // of the hook that dropped it, else of input, forward or output; zero: no route, or nothing there
	Local   bool        // the machine took it
	Packet  Packet      // where it ended, translated and marked
	Stages  []Stage     // the hooks that it came to, in order
}

// Stage is a hook and what it did.
type Stage struct {
	Point string
	Result
}

// Walk takes a packet along its whole road: prerouting, the routing decision,
// input or forward, postrouting. One without In is the machine's own: output and
// postrouting, its route chosen before output, and again behind it when a chain of type
// route has changed the mark.
//
// The first packet of a flow is given as its sender sent it. Of others the kernel
// translates the addresses by their flow and asks no chain of type nat, so they
// are given as the filter chains see them.
func (e *Evaluator) Walk(p Packet, route Route, o Options) Journey {
	j := Journey{Verdict: Accept, Packet: p, Stages: make([]Stage, 0, 3)}
	way := o.Steered
	if way == nil {
		way = func(_ uint32, dst netip.Addr) (string, bool) { return route(dst) }
	}
	if p.In == "" {
		j.Packet.Out, _ = way(p.Mark, p.Dst)
		if !e.through(&j, Output, o) {
			return j
		}
		if j.Stages[0].Rerouted {
			j.Packet.Out, _ = way(j.Packet.Mark, j.Packet.Dst)
		}
		e.through(&j, Postrouting, o)
		return j
	}
	if !e.through(&j, Prerouting, o) {
		return j
	}
	out, local := way(j.Packet.Mark, j.Packet.Dst)
	j.Packet.Out, j.Local = out, local
	switch {
	case local:
		j.Packet.Out = ""
		e.through(&j, Input, o)
	case out == "":
		j.Verdict, j.Decided = Drop, Place{}
	case e.through(&j, Forward, o):
		e.through(&j, Postrouting, o)
	}
	return j
}

// through takes the packet through one hook and says whether it goes on.
func (e *Evaluator) through(j *Journey, point string, o Options) bool {
	out := j.Packet.Out
	r := e.Run(point, j.Packet, o)
	j.Stages = append(j.Stages, Stage{point, r})
	j.Verdict, j.Reject, j.Packet = r.Verdict, r.Reject, r.Packet
	j.Packet.Out = out
	if r.Verdict == Drop || point == Input || point == Forward || point == Output {
		j.Decided = r.Decided
	}
	return r.Verdict == Accept
}

// Counters is what the packet counted on, in order.
func (j Journey) Counters() []string {
	var all []string
	for _, s := range j.Stages {
		all = append(all, s.Counters...)
	}
	return all
}

// At is what a hook did; false: the packet did not come to it.
func (j Journey) At(point string) (Result, bool) {
	for _, s := range j.Stages {
		if s.Point == point {
			return s.Result, true
		}
	}
	return Result{}, false
}
