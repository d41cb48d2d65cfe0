package flowsync

import "github.com/rempart/rempart/ha/conntrack"

// keptStatus are the bits that mean something on another machine.
const keptStatus = conntrack.Expected | conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed | conntrack.SrcNAT |
	conntrack.DstNAT | conntrack.SeqAdjust | conntrack.Helped

// settle makes a flow what two nodes can agree on.
func settle(f *conntrack.Flow) {
	if f.Kind == conntrack.KindFlow && f.Proto == conntrack.TCP && f.State == 0 {
		f.State = conntrack.Established // the kernel tells none of an offloaded flow
	}
	f.Status &= keptStatus
	f.Timeout = 0
	for i := range f.Flags {
		f.Flags[i] &= conntrack.WindowScale | conntrack.SACK
	}
}

// learn takes in what the kernel tells of a flow that is shared. all says that the message has all there is of
// it. ask says that more has to be known first.
func (o *own) learn(at uint32, m *conntrack.Message, all bool) (slot uint32, ask bool) {
	slot, known := o.find(&m.Flow.Key)
	if !known {
		if !all && scarce(m) {
			return 0, true
		}
		slot = o.take()
		e := o.at(slot)
		e.flow = m.Flow
		settle(&e.flow)
		o.calm(e)
		e.bits = e.bits&(urgent|lazy) | used
		o.link(slot)
		o.put(slot, &m.Extra)
		o.live++
		o.soil(at, slot, true)
		return slot, false
	}
	e := o.at(slot)
	if e.bits&gone != 0 { // another one, of which the peer is not to have what the last one had
		if !all && scarce(m) {
			return 0, true
		}
		e.flow = m.Flow
		settle(&e.flow)
		e.bits &^= gone | based
		o.put(slot, &m.Extra)
		o.live++
		o.soil(at, slot, true)
		return slot, false
	}
	was := e.flow
	e.flow.Reply = m.Flow.Reply
	if m.Has&conntrack.HasStatus != 0 {
		e.flow.Status = m.Flow.Status
	}
	if m.Has&conntrack.HasMark != 0 || all {
		e.flow.Mark = m.Flow.Mark
	}
	if m.Has&conntrack.HasProto != 0 {
		e.flow.State, e.flow.Flags, e.flow.Scale = m.Flow.State, m.Flow.Flags, m.Flow.Scale
	}
	settle(&e.flow)
	other := o.extras(slot, m, all)
	switch {
	case other || e.flow.Reply != was.Reply:
		e.bits &^= based
		o.soil(at, slot, true)
	case e.flow != was:
		o.soil(at, slot, false)
	}
	return slot, false
}

// recall completes an event with the state that a flow had: the kernel tells of it only what changed, such as a mark.
func (o *own) recall(m *conntrack.Message) {
	if m.Flow.Proto != conntrack.TCP || m.Has&conntrack.HasProto != 0 {
		return
	}
	if slot, ok := o.find(&m.Flow.Key); ok && o.at(slot).bits&gone == 0 {
		m.Flow.State = o.at(slot).flow.State
	}
}

// scarce says that an event is too little to put a flow into another kernel.
func scarce(m *conntrack.Message) bool {
	switch m.Flow.Proto {
	case conntrack.TCP, conntrack.SCTP, conntrack.DCCPNum:
		if m.Has&conntrack.HasProto == 0 && m.Flow.Kind == conntrack.KindFlow {
			return true
		}
	}
	return m.Flow.Kind == conntrack.KindFlow && (m.Flow.Status&conntrack.Expected != 0 && m.Has&conntrack.HasMaster == 0 ||
		m.Flow.Status&conntrack.SeqAdjust != 0 && m.Has&conntrack.HasAdjust == 0)
}

// extras takes in what few flows have, and says whether it changed.
func (o *own) extras(slot uint32, m *conntrack.Message, all bool) bool {
	was := o.extra[slot]
	x := &o.scratch
	*x = conntrack.Extra{}
	switch {
	case all:
		*x = m.Extra
	case was == nil && m.Extra == (conntrack.Extra{}):
		return false
	case was != nil:
		*x = *was
	}
	if m.Has&conntrack.HasHelper != 0 {
		x.Helper = m.Extra.Helper
	}
	if m.Has&conntrack.HasMaster != 0 {
		x.Master = m.Extra.Master
	}
	if m.Has&conntrack.HasLabels != 0 {
		x.Labels = m.Extra.Labels
	}
	if m.Has&conntrack.HasZones != 0 {
		x.Zones = m.Extra.Zones
	}
	if m.Has&conntrack.HasAdjust != 0 {
		x.Adjust = m.Extra.Adjust
	}
	if m.Has&conntrack.HasProxy != 0 {
		x.Proxy = m.Extra.Proxy
	}
	if m.Has&conntrack.HasProto != 0 {
		x.VTag, x.DCCP = m.Extra.VTag, m.Extra.DCCP
	}
	if m.Flow.Kind == conntrack.KindExpect {
		x.Expects = m.Extra.Expects
		if was != nil {
			x.Expects.Timeout = was.Expects.Timeout // it runs down all the time
		}
	}
	if was == nil && *x == (conntrack.Extra{}) || was != nil && *was == *x {
		return false
	}
	o.put(slot, x)
	return true
}
