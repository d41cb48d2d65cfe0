package conntrack

import "encoding/binary"

// Parse reads one message, header included, as Split cuts it. It takes what the kernel sends about flows and expectations,
// its errors and the end of a walk; any other message is Other. Attributes that it does not know are passed over. After an error
// the message is not to be used.
func (m *Message) Parse(b []byte) error {
	*m = Message{}
	if len(b) < headerLen || uint64(binary.NativeEndian.Uint32(b)) != uint64(len(b)) {
		return BadLength
	}
	kind, flags := msg(binary.NativeEndian.Uint16(b[4:])), flag(binary.NativeEndian.Uint16(b[6:]))
	m.Seq, m.Port = binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
	body := b[headerLen:]
	fault := sound
	switch kind &^ msgSubsystem {
	case msgError, msgDone:
		if kind&msgSubsystem == 0 {
			return m.answer(kind, body).orNil()
		}
	}
	switch kind {
	case msgFlow | msgNew:
		m.Event = eventOf(flags)
		fault = m.flow(body)
	case msgFlow | msgDelete:
		m.Event = Destroy
		fault = m.flow(body)
	case msgExpect | msgNew:
		m.Event = eventOf(flags)
		fault = m.expect(body)
	case msgExpect | msgDelete:
		m.Event = Destroy
		fault = m.expect(body)
	}
	return fault.orNil()
}

func (m Malformed) orNil() error {
	if m == sound {
		return nil
	}
	return m
}

// eventOf tells what is new from what is told again: changes, walks and answers carry no such flag.
func eventOf(f flag) Event {
	if f&flagCreate != 0 {
		return New
	}
	return Update
}

// answer reads the number with which NLMSG_ERROR and NLMSG_DONE begin: zero, or an error below it.
func (m *Message) answer(kind msg, b []byte) Malformed {
	if len(b) < 4 {
		return BadErrno
	}
	n := int32(binary.NativeEndian.Uint32(b))
	if n > 0 || -n < 0 {
		return BadErrno
	}
	m.Errno = -n
	m.Event = Refused
	if kind == msgDone {
		m.Event = Done
	}
	return sound
}

// family reads struct nfgenmsg.
func (m *Message) family(b []byte) (attrs, Malformed) {
	if len(b) < familyLen {
		return attrs{}, BadLength
	}
	if b[0] != IPv4 && b[0] != IPv6 {
		return attrs{}, BadFamily
	}
	m.Flow.Family = b[0]
	return attributes(b[familyLen:]), sound
}

// flow reads what follows the header of a message about a flow.
func (m *Message) flow(b []byte) Malformed {
	a, fault := m.family(b)
	if fault != sound {
		return fault
	}
	var orig, reply, master side
	for a.next() {
		switch a.kind {
		case ctaTupleOrig:
			a.tuple(&m.Flow.Orig, &orig, m.Flow.Family)
		case ctaTupleReply:
			a.tuple(&m.Flow.Reply, &reply, m.Flow.Family)
		case ctaStatus:
			a.uint32((*uint32)(&m.Flow.Status))
			m.Has |= HasStatus
		case ctaTimeout:
			a.uint32(&m.Flow.Timeout)
			m.Has |= HasTimeout
		case ctaMark:
			a.uint32(&m.Flow.Mark)
			m.Has |= HasMark
		case ctaProtoInfo:
			m.protoInfo(&a)
		case ctaZone:
			a.uint16(&m.Flow.Zone)
		case ctaTupleMaster:
			a.tuple(&m.Extra.Master.Orig, &master, m.Flow.Family)
			m.Has |= HasMaster
		case ctaHelp, ctaLabels, ctaSeqAdjOrig, ctaSeqAdjReply, ctaSynProxy:
			m.scarce(&a)
		}
	}
	if a.fault != sound {
		return a.fault
	}
	if !orig.known || !reply.known {
		return IncompleteEntry
	}
	if orig.proto != reply.proto {
		return BadTuple
	}
	m.Flow.Proto = orig.proto
	m.place(orig.zone, reply.zone)
	m.masterIs(master)
	return sound
}

// place gives the flow its zone if that is of one direction alone. The original tuple of a flow whose zone is the reply's
// stands in zone 0.
func (m *Message) place(orig, reply uint16) {
	if orig == 0 && reply == 0 {
		return
	}
	m.Extra.Zones = [2]uint16{orig, reply}
	m.Flow.Zone = orig
	m.Has |= HasZones
}

// masterIs completes the key of the master, which is in the zone of its child.
func (m *Message) masterIs(s side) {
	if !s.known {
		return
	}
	m.Extra.Master.Family, m.Extra.Master.Proto, m.Extra.Master.Zone = m.Flow.Family, s.proto, m.Flow.Zone
}

// protoInfo reads what TCP, SCTP and DCCP keep besides their tuple.
func (m *Message) protoInfo(a *attrs) {
	m.Has |= HasProto
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaInfoTCP:
			m.Flow.tcp(&in)
		case ctaInfoSCTP:
			m.sctp(&in)
		case ctaInfoDCCP:
			m.dccp(&in)
		}
	}
	a.leave(&in)
}

func (f *Flow) tcp(a *attrs) {
	if f.plainTCP(a.value()) {
		return
	}
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaTCPState:
			in.uint8((*uint8)(&f.State))
		case ctaTCPScaleOrig:
			in.uint8(&f.Scale[0])
		case ctaTCPScaleReply:
			in.uint8(&f.Scale[1])
		case ctaTCPFlagsOrig:
			in.tcpFlags(&f.Flags[0])
		case ctaTCPFlagsReply:
			in.tcpFlags(&f.Flags[1])
		}
	}
	a.leave(&in)
}

// plainTCP reads all that TCP keeps if it is laid out as the kernel does, and changes nothing if it is not. As with tuples,
// this is for speed.
func (f *Flow) plainTCP(v []byte) bool {
	if len(v) != 5*8 || !lies(v, 5, ctaTCPState) || !lies(v[8:], 5, ctaTCPScaleOrig) || !lies(v[16:], 5, ctaTCPScaleReply) ||
		!lies(v[24:], 6, ctaTCPFlagsOrig) || !lies(v[32:], 6, ctaTCPFlagsReply) {
		return false
	}
	f.State, f.Scale, f.Flags = State(v[4]), [2]uint8{v[12], v[20]}, [2]TCPFlags{TCPFlags(v[28]), TCPFlags(v[36])}
	return true
}

// tcpFlags reads struct nf_ct_tcp_flags. Its mask is zero in what the kernel sends.
func (a *attrs) tcpFlags(to *TCPFlags) {
	v := a.value()
	if len(v) != 2 {
		a.fault = BadValue
		return
	}
	*to = TCPFlags(v[0])
}

func (m *Message) sctp(a *attrs) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaSCTPState:
			in.uint8((*uint8)(&m.Flow.State))
		case ctaSCTPVTagOrig:
			in.uint32(&m.Extra.VTag[0])
		case ctaSCTPVTagReply:
			in.uint32(&m.Extra.VTag[1])
		}
	}
	a.leave(&in)
}

func (m *Message) dccp(a *attrs) {
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaDCCPState:
			in.uint8((*uint8)(&m.Flow.State))
		case ctaDCCPRole:
			in.uint8(&m.Extra.DCCP.Role)
		case ctaDCCPHandshake:
			in.uint64(&m.Extra.DCCP.Handshake)
		}
	}
	a.leave(&in)
}
