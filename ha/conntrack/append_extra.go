package conntrack

// appendBirth appends what a flow has from its beginning and cannot be given later.
func (x *Extra) appendBirth(b []byte) []byte {
	if x.Master != (Key{}) {
		b = appendTuple(b, ctaTupleMaster, &x.Master.Orig, x.Master.Family, x.Master.Proto, 0)
	}
	return b
}

// append appends what may be said again while a flow lives.
func (x *Extra) append(b []byte) []byte {
	// A flow keeps the helper that it has, but told of it again the helper looks anew where lines begin: while the
	// packets went by another machine it missed some.
	if x.Helper[0] != 0 {
		at := len(b)
		b = appendNest(b, ctaHelp)
		b = appendText(b, ctaHelpName, x.Helper[:])
		b = endNest(b, at)
	}
	if x.Adjust != ([2]Adjust{}) {
		b = x.Adjust[0].append(b, ctaSeqAdjOrig)
		b = x.Adjust[1].append(b, ctaSeqAdjReply)
	}
	if x.Proxy != (Proxy{}) {
		b = x.Proxy.append(b)
	}
	// A kernel whose ruleset speaks of no label has no room for them. They are never cleared but with the flow.
	if x.Labels != ([16]byte{}) {
		b = append(appendAttr(b, ctaLabels, len(x.Labels)), x.Labels[:]...)
	}
	return b
}

func (j *Adjust) append(b []byte, kind attr) []byte {
	at := len(b)
	b = appendNest(b, kind)
	b = appendUint32(b, ctaSeqAdjPos, j.Pos)
	b = appendUint32(b, ctaSeqAdjBefore, j.Before)
	b = appendUint32(b, ctaSeqAdjAfter, j.After)
	return endNest(b, at)
}

func (p *Proxy) append(b []byte) []byte {
	at := len(b)
	b = appendNest(b, ctaSynProxy)
	b = appendUint32(b, ctaSynProxyISN, p.ISN)
	b = appendUint32(b, ctaSynProxyITS, p.ITS)
	b = appendUint32(b, ctaSynProxyOffset, p.Offset)
	return endNest(b, at)
}

// appendExpect appends the request to create an expectation. Its master must be there, with a helper; the kernel gives it the timeout that
// the helper has for its class.
func appendExpect(b []byte, seq uint32, f *Flow, x *Extra, timeout uint32) []byte {
	at := len(b)
	b = appendHeader(b, msgExpect|msgNew, flagCreate|flagExclusive, seq, f.Family)
	b = f.Key.append(b)
	if x != nil {
		b = appendTuple(b, ctaExpectMask, &x.Expects.Mask, f.Family, f.Proto, 0)
		b = appendTuple(b, ctaExpectMaster, &x.Master.Orig, x.Master.Family, x.Master.Proto, 0)
		b = appendUint32(b, ctaExpectTimeout, timeout)
		b = x.appendExpects(b, f)
	}
	return appendLength(b, at)
}

func (x *Extra) appendExpects(b []byte, f *Flow) []byte {
	e := &x.Expects
	b = appendUint32(b, ctaExpectFlags, e.Flags)
	b = appendUint32(b, ctaExpectClass, e.Class)
	if x.Helper[0] != 0 {
		b = appendText(b, ctaExpectHelpName, x.Helper[:])
	}
	if e.HasNAT {
		at := len(b)
		b = appendNest(b, ctaExpectNAT)
		b = appendUint32(b, ctaExpectNATDir, e.NATDir)
		b = appendTuple(b, ctaExpectNATTuple, &e.NAT, f.Family, f.Proto, 0)
		b = endNest(b, at)
	}
	if e.Fn[0] != 0 {
		b = appendText(b, ctaExpectFn, e.Fn[:])
	}
	return b
}
