package nft

// String is the rule as nft lists it: a match on a protocol that a later field
// implies is left out, and one that a statement implies is put in.
func (r Rule) String() string { return string(r.appendText(nil)) }

func (r Rule) appendText(b []byte) []byte {
	start := len(b)
	var known protocols
	for i, e := range r.Exprs {
		if match, ok := e.(Match); ok && known.implied(match, r.Exprs[i+1:]) {
			known.learn(match)
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		b = known.appendExpr(b, e)
		known.learn(e)
	}
	if r.Comment != "" {
		if len(b) > start {
			b = append(b, ' ')
		}
		b = append(append(append(b, `comment "`...), r.Comment...), '"')
	}
	return b
}

// protocols is what the expressions of a rule so far say about its packets; 0 is unknown.
type protocols struct {
	nfproto, l4proto uint8
}

// learn takes in what a packet that passed e must be.
func (p *protocols) learn(e Expr) {
	if m, ok := e.(Match); ok && !m.Not && len(m.Values) == 1 && m.Values[0].Lo == m.Values[0].Hi {
		switch m.Field {
		case NFProto:
			p.nfproto = uint8(m.Values[0].Lo)
		case L4Proto:
			p.l4proto = uint8(m.Values[0].Lo)
		}
	}
	for _, f := range fieldsOf(e) {
		p.learnField(f)
	}
	switch e := e.(type) {
	case TCPFlags:
		p.l4proto = protoTCP
	case Reject:
		if e.With == RejectTCPReset {
			p.l4proto = protoTCP
		}
	}
}

func (p *protocols) learnField(f Field) {
	info := f.info()
	if info.nfproto != 0 {
		p.nfproto = info.nfproto
	}
	if info.l4proto != 0 {
		p.l4proto = info.l4proto
	}
}

// implied says that nft would not list m, since an expression of rest implies it.
func (p protocols) implied(m Match, rest []Expr) bool {
	if m.Not || len(m.Values) != 1 || m.Values[0].Lo != m.Values[0].Hi {
		return false
	}
	value := uint8(m.Values[0].Lo)
	if m.Field == NFProto && len(rest) > 0 && ownFamily(rest[0]) == value {
		return true
	}
	for _, e := range rest {
		if _, ok := e.(TCPFlags); ok && m.Field == L4Proto && value == protoTCP {
			return true
		}
		for _, f := range fieldsOf(e) {
			info := f.info()
			switch {
			case m.Field == NFProto && info.nfproto == value && info.from != fromTransport,
				m.Field == L4Proto && (info.l4proto == value || f != ported(f, value)):
				return true
			}
		}
	}
	return false
}

// ownFamily is the family that nft takes for granted when a rule matches one
// kind of ICMP by its protocol number alone; 0 for every other expression.
func ownFamily(e Expr) uint8 {
	m, ok := e.(Match)
	if !ok || m.Not || m.Field != L4Proto || len(m.Values) != 1 || m.Values[0].Lo != m.Values[0].Hi {
		return 0
	}
	switch m.Values[0].Lo {
	case protoICMP:
		return nfprotoIPv4
	case protoICMPv6:
		return nfprotoIPv6
	}
	return 0
}

// portFields are the source and destination port fields of a protocol; ok is false for one that has none.
func portFields(proto uint8) (source, destination Field, ok bool) {
	switch proto {
	case protoTCP:
		return TCPSport, TCPDport, true
	case protoUDP:
		return UDPSport, UDPDport, true
	case protoDCCP:
		return DCCPSport, DCCPDport, true
	case protoSCTP:
		return SCTPSport, SCTPDport, true
	case protoUDPLite:
		return UDPLiteSport, UDPLiteDport, true
	}
	return 0, 0, false
}

// ported is a field of any transport header as the field of the one with the number proto.
func ported(f Field, proto uint8) Field {
	source, destination, ok := portFields(proto)
	switch {
	case ok && f == THSport:
		return source
	case ok && f == THDport:
		return destination
	}
	return f
}

// appendExpr writes e as nft does when it knows p of the packet.
func (p protocols) appendExpr(b []byte, e Expr) []byte {
	if _, _, ok := portFields(p.l4proto); ok {
		e = p.portedExpr(e)
	}
	switch e := e.(type) {
	case Match:
		return e.appendText(b, e.Field.String())
	case Reject:
		if e.With == RejectTCPReset && p.l4proto != protoTCP {
			b = append(b, "meta l4proto tcp "...)
		}
	}
	return append(b, e.String()...)
}

func (p protocols) portedExpr(e Expr) Expr {
	all := func(fields []Field) []Field {
		list := make([]Field, len(fields))
		for i, f := range fields {
			list[i] = ported(f, p.l4proto)
		}
		return list
	}
	switch e := e.(type) {
	case Match:
		e.Field = ported(e.Field, p.l4proto)
		return e
	case Lookup:
		e.Fields = all(e.Fields)
		return e
	case VMap:
		e.Fields = all(e.Fields)
		return e
	case DynSet:
		e.Fields = all(e.Fields)
		return e
	case NAT:
		e.PortField = ported(e.PortField, p.l4proto)
		return e
	case Masquerade:
		e.PortField = ported(e.PortField, p.l4proto)
		return e
	}
	return e
}

// fieldsOf are the fields that an expression looks at.
func fieldsOf(e Expr) []Field {
	switch e := e.(type) {
	case Match:
		return []Field{e.Field}
	case Lookup:
		return e.Fields
	case VMap:
		return e.Fields
	case DynSet:
		return e.Fields
	case Deal:
		return e.fields()
	case NAT:
		if d, ok := e.dealt(); ok {
			return d.fields()
		}
	}
	return nil
}

func (d Deal) fields() []Field {
	if d.By != DealSource {
		return nil
	}
	return []Field{d.Field}
}
