package conntrack

// Requests ask for no acknowledgment: the kernel answers only those that it refuses.

// AppendCreate appends the request to create the flow, or the expectation, as another kernel has it; x may be nil. The kernel refuses
// with EEXIST if either of its tuples is taken, and with ENOENT if its master is not there.
//
// What is sent is not what a walk shows, for the kernel makes the translation anew: the reply is the plain inverse of the original,
// and both halves of the translation follow with the one address and port that they may have, also the one that changes nothing. A reply that is translated already would
// be taken for one that needs no translation, and packets would leave untranslated. TCP is liberal in both directions, since window
// tracking cannot be handed over.
func AppendCreate(b []byte, seq uint32, f *Flow, x *Extra, timeout uint32) []byte {
	if f.Kind == KindExpect {
		return appendExpect(b, seq, f, x, timeout)
	}
	var zones [2]uint16
	if x != nil {
		zones = x.Zones
	}
	at := len(b)
	b = appendHeader(b, msgFlow|msgNew, flagCreate|flagExclusive, seq, f.Family)
	inverse := f.Orig.Inverse(f.Proto)
	b = appendTuple(b, ctaTupleOrig, &f.Orig, f.Family, f.Proto, zones[0])
	b = appendTuple(b, ctaTupleReply, &inverse, f.Family, f.Proto, zones[1])
	if zones == [2]uint16{} {
		b = appendZone(b, ctaZone, f.Zone)
	}
	// Expected is set by the master, and the kernel refuses it here as it does Dying. Offload and Fixed are of that other kernel.
	b = appendUint32(b, ctaStatus, uint32(Confirmed|f.Status&(SeenReply|Assured)))
	b = appendUint32(b, ctaTimeout, timeout)
	if f.Mark != 0 {
		b = appendUint32(b, ctaMark, f.Mark)
	}
	b = f.appendInfo(b, x)
	if n, ok := f.translation(&inverse); ok {
		// A half that is left out the kernel settles itself: it keeps the address, but takes another port or ID if a
		// flow has the tuple that is reached so far, and tells nobody.
		b = appendNAT(b, ctaNATSrc, f.Family, &n.src, n.srcPort)
		b = appendNAT(b, ctaNATDst, f.Family, &n.dst, n.dstPort)
	}
	if x != nil {
		b = x.appendBirth(b)
		b = x.append(b)
	}
	return appendLength(b, at)
}

// AppendUpdate appends the request to bring a flow that is there up to date; x may be nil. Zero as timeout leaves the one that it has.
// The translation, the master and the helper of a flow cannot be changed: it must be ended and created again. The kernel refuses with
// ENOENT if the flow is not there, and with EBUSY if its own one was answered and f was not, or only one of both was Expected. Of an
// expectation only the timeout can be changed.
func AppendUpdate(b []byte, seq uint32, f *Flow, x *Extra, timeout uint32) []byte {
	if f.Kind == KindExpect {
		return AppendTimeout(b, seq, &f.Key, timeout)
	}
	at := len(b)
	b = appendHeader(b, msgFlow|msgNew, 0, seq, f.Family)
	b = f.Key.append(b)
	b = appendUint32(b, ctaStatus, uint32(Confirmed|f.Status&(Expected|SeenReply|Assured)))
	if timeout != 0 {
		b = appendUint32(b, ctaTimeout, timeout)
	}
	b = appendUint32(b, ctaMark, f.Mark)
	b = f.appendInfo(b, x)
	if x != nil {
		b = x.append(b)
	}
	return appendLength(b, at)
}

// AppendTimeout appends the request to end a flow or an expectation that is there after so many seconds of silence. Zero
// changes nothing.
func AppendTimeout(b []byte, seq uint32, k *Key, timeout uint32) []byte {
	at := len(b)
	b = appendHeader(b, msgOf(k.Kind, msgNew), 0, seq, k.Family)
	b = k.append(b)
	number := ctaTimeout
	if k.Kind == KindExpect {
		// The kernel asks for mask and master as well, and reads neither.
		b = appendTuple(b, ctaExpectMask, &k.Orig, k.Family, k.Proto, 0)
		b = appendTuple(b, ctaExpectMaster, &k.Orig, k.Family, k.Proto, 0)
		number = ctaExpectTimeout
	}
	if timeout != 0 {
		b = appendUint32(b, number, timeout)
	}
	return appendLength(b, at)
}

// AppendTighten appends the request to check the windows of a TCP flow again: both directions stop being liberal, and nothing
// else changes. It is right only after both directions were seen.
func AppendTighten(b []byte, seq uint32, k *Key) []byte {
	at := len(b)
	b = appendHeader(b, msgFlow|msgNew, 0, seq, k.Family)
	return appendLength(appendTight(k.append(b)), at)
}

// AppendEnd appends the request to end a flow or an expectation.
func AppendEnd(b []byte, seq uint32, k *Key) []byte {
	return appendAbout(b, msgOf(k.Kind, msgDelete), seq, k)
}

// AppendAsk appends the question for all that the kernel knows of a flow or an expectation. The answer is an Update, or Refused
// with ENOENT.
func AppendAsk(b []byte, seq uint32, k *Key) []byte {
	return appendAbout(b, msgOf(k.Kind, msgGet), seq, k)
}

// AppendAskReply appends the question for the flow that has the tuple as its reply, in the zone of k and of its family and protocol.
func AppendAskReply(b []byte, seq uint32, k *Key, reply *Tuple) []byte {
	at := len(b)
	b = appendHeader(b, msgFlow|msgGet, 0, seq, k.Family)
	b = appendTuple(b, ctaTupleReply, reply, k.Family, k.Proto, 0)
	b = appendZone(b, ctaZone, k.Zone)
	return appendLength(b, at)
}

// AppendWalk appends the question for all flows or expectations of a family, or of both if it is zero.
func AppendWalk(b []byte, seq uint32, kind Kind, family uint8) []byte {
	at := len(b)
	return appendLength(appendHeader(b, msgOf(kind, msgGet), flagDump, seq, family), at)
}

// appendAbout appends a request that says no more than what it is about.
func appendAbout(b []byte, what msg, seq uint32, k *Key) []byte {
	at := len(b)
	return appendLength(k.append(appendHeader(b, what, 0, seq, k.Family)), at)
}

// append appends what names a flow or an expectation in a request. A flow whose zone is of one direction alone is found by
// the zone of its original tuple as well.
func (k *Key) append(b []byte) []byte {
	tuple, zone := ctaTupleOrig, ctaZone
	if k.Kind == KindExpect {
		tuple, zone = ctaExpectTuple, ctaExpectZone
	}
	return appendZone(appendTuple(b, tuple, &k.Orig, k.Family, k.Proto, 0), zone, k.Zone)
}
