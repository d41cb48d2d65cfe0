package conntrack

// appendInfo appends what TCP, SCTP and DCCP keep besides their tuple.
func (f *Flow) appendInfo(b []byte, x *Extra) []byte {
	switch {
	case f.Proto == TCP:
		return f.appendTCP(b)
	case f.Proto == SCTP && f.State != 0:
		return f.appendSCTP(b, x)
	case f.Proto == DCCPNum && f.State != 0:
		return f.appendDCCP(b, x)
	}
	return b
}

// state is the one that counts: of an offloaded TCP flow the kernel tells none, and it is established.
func (f *Flow) state() State {
	if f.State == 0 && f.Proto == TCP && f.Status&(Offload|HWOffload) != 0 {
		return Established
	}
	return f.State
}

// appendTCP appends both scales, which count only if both directions agreed on scaling, and of the flags those that were agreed on. The
// mask clears the others: they tell what the other kernel saw of the windows.
func (f *Flow) appendTCP(b []byte) []byte {
	n, s := 4*8, f.state()
	if s != 0 {
		n += 8
	}
	b, v := grow(b, 2*attrLen+n)
	v = putNest(v, ctaProtoInfo, attrLen+n)
	v = putNest(v, ctaInfoTCP, n)
	if s != 0 {
		v = putUint8(v, ctaTCPState, uint8(s))
	}
	v = putUint8(v, ctaTCPScaleOrig, f.Scale[0])
	v = putUint8(v, ctaTCPScaleReply, f.Scale[1])
	v = putFlags(v, ctaTCPFlagsOrig, f.Flags[0]&(WindowScale|SACK)|Liberal, 0xff)
	putFlags(v, ctaTCPFlagsReply, f.Flags[1]&(WindowScale|SACK)|Liberal, 0xff)
	return b
}

// appendTight appends that both directions stop being liberal.
func appendTight(b []byte) []byte {
	const n = 2 * 8
	b, v := grow(b, 2*attrLen+n)
	v = putNest(v, ctaProtoInfo, attrLen+n)
	v = putNest(v, ctaInfoTCP, n)
	v = putFlags(v, ctaTCPFlagsOrig, 0, Liberal)
	putFlags(v, ctaTCPFlagsReply, 0, Liberal)
	return b
}

// appendSCTP appends state and tags: the kernel takes them only together.
func (f *Flow) appendSCTP(b []byte, x *Extra) []byte {
	var tags [2]uint32
	if x != nil {
		tags = x.VTag
	}
	at := len(b)
	b = appendNest(b, ctaProtoInfo)
	inner := len(b)
	b = appendNest(b, ctaInfoSCTP)
	b = appendUint8(b, ctaSCTPState, uint8(f.State))
	b = appendUint32(b, ctaSCTPVTagOrig, tags[0])
	b = appendUint32(b, ctaSCTPVTagReply, tags[1])
	return endNest(endNest(b, inner), at)
}

func (f *Flow) appendDCCP(b []byte, x *Extra) []byte {
	var d DCCP
	if x != nil {
		d = x.DCCP
	}
	at := len(b)
	b = appendNest(b, ctaProtoInfo)
	inner := len(b)
	b = appendNest(b, ctaInfoDCCP)
	b = appendUint8(b, ctaDCCPState, uint8(f.State))
	b = appendUint8(b, ctaDCCPRole, d.Role)
	b = appendUint64(b, ctaDCCPHandshake, d.Handshake)
	return endNest(endNest(b, inner), at)
}
