package conntrack

// scarce reads what few flows have.
func (m *Message) scarce(a *attrs) {
	x := &m.Extra
	switch a.kind {
	case ctaHelp:
		x.helper(a)
		m.Has |= HasHelper
	case ctaLabels:
		v := a.value()
		if len(v) > len(x.Labels) {
			a.fault = BadValue
			return
		}
		clear(x.Labels[copy(x.Labels[:], v):])
		m.Has |= HasLabels
	case ctaSeqAdjOrig:
		x.Adjust[0].read(a)
		m.Has |= HasAdjust
	case ctaSeqAdjReply:
		x.Adjust[1].read(a)
		m.Has |= HasAdjust
	case ctaSynProxy:
		x.Proxy.read(a)
		m.Has |= HasProxy
	}
}

func (x *Extra) helper(a *attrs) {
	in := a.inside()
	for in.next() {
		if in.kind == ctaHelpName {
			in.text(x.Helper[:])
		}
	}
	a.leave(&in)
}

func (j *Adjust) read(a *attrs) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaSeqAdjPos:
			in.uint32(&j.Pos)
		case ctaSeqAdjBefore:
			in.uint32(&j.Before)
		case ctaSeqAdjAfter:
			in.uint32(&j.After)
		}
	}
	a.leave(&in)
}

func (p *Proxy) read(a *attrs) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaSynProxyISN:
			in.uint32(&p.ISN)
		case ctaSynProxyITS:
			in.uint32(&p.ITS)
		case ctaSynProxyOffset:
			in.uint32(&p.Offset)
		}
	}
	a.leave(&in)
}

// expect reads what follows the header of a message about an expectation.
func (m *Message) expect(b []byte) Malformed {
	a, fault := m.family(b)
	if fault != sound {
		return fault
	}
	m.Flow.Kind = KindExpect
	x := &m.Extra.Expects
	var tuple, mask, master side
	for a.next() {
		switch a.kind {
		case ctaExpectTuple:
			a.tuple(&m.Flow.Orig, &tuple, m.Flow.Family)
		case ctaExpectMask:
			a.tuple(&x.Mask, &mask, m.Flow.Family)
		case ctaExpectMaster:
			a.tuple(&m.Extra.Master.Orig, &master, m.Flow.Family)
			m.Has |= HasMaster
		case ctaExpectTimeout:
			a.uint32(&x.Timeout)
			m.Has |= HasTimeout
		case ctaExpectHelpName:
			a.text(m.Extra.Helper[:])
			m.Has |= HasHelper
		case ctaExpectZone:
			a.uint16(&m.Flow.Zone)
		case ctaExpectFlags:
			a.uint32(&x.Flags)
		case ctaExpectClass:
			a.uint32(&x.Class)
		case ctaExpectNAT:
			x.nat(&a, m.Flow.Family)
		case ctaExpectFn:
			a.text(x.Fn[:])
		}
	}
	if a.fault != sound {
		return a.fault
	}
	if !tuple.known || !master.known {
		return IncompleteEntry
	}
	m.Flow.Proto, m.Flow.Timeout = tuple.proto, x.Timeout
	m.masterIs(master)
	return sound
}

func (x *Expect) nat(a *attrs, family uint8) {
	x.HasNAT = true
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaExpectNATDir:
			in.uint32(&x.NATDir)
		case ctaExpectNATTuple:
			var s side
			in.tuple(&x.NAT, &s, family)
		}
	}
	a.leave(&in)
}
