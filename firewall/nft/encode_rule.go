package nft

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ruleEncoder writes the expressions of one rule. It puts in the matches on
// protocols that a field implies, once a rule, as nft does.
type ruleEncoder struct {
	*wire
	known     protocols
	intervals map[string]bool
	ids       []uint32 // of the anonymous sets, in the order of use
}

// The first registers of 16 bytes.
const (
	reg1 = unix.NFT_REG_1
	reg2 = unix.NFT_REG_2
	reg3 = unix.NFT_REG_3
)

func (r *ruleEncoder) encode(x Expr) {
	switch x := x.(type) {
	case Match:
		r.match(x)
	case Lookup:
		r.readable(x.Fields, x.Set)
		r.require(x.Fields)
		r.loadKey(x.Fields, r.intervals[x.Set])
		r.lookup(lookup{set: x.Set, not: x.Not})
	case VMap:
		r.vmap(x)
	case Verdict:
		r.decide(x)
	case Count:
		r.object(unix.NFT_OBJECT_COUNTER, x.Counter)
	case CTState:
		r.bits(unix.NFT_CT_STATE, uint32(x.States), x.Not)
	case CTStatus:
		r.bits(unix.NFT_CT_STATUS, uint32(x.Bits), x.Not)
	case TCPFlags:
		r.tcpFlags(x)
	case SetMark:
		r.setMark(x)
	case CopyMark:
		r.copyMark(x)
	case NoTrack:
		r.put(&expr.Notrack{})
	case SetHelper:
		r.object(unix.NFT_OBJECT_CT_HELPER, x.Helper)
	case Deal:
		r.deal(x)
	case SetTrace:
		r.put(&expr.Immediate{Register: reg1, Data: []byte{1}})
		r.put(&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: reg1})
	case SetEvents:
		r.put(&expr.Immediate{Register: reg1, Data: native32(uint32(x.Events))})
		r.put(&expr.Ct{Key: expr.CtKeyEVENTMASK, SourceRegister: true, Register: reg1})
	case NAT:
		r.nat(x)
	case Masquerade:
		r.masquerade(x)
	case Reject:
		r.reject(x)
	case DynSet:
		r.dynSet(x)
	default:
		r.put(statement(x))
	}
	r.known.learn(x)
}

// statement is an expression that needs no register.
func statement(x Expr) expr.Any {
	switch x := x.(type) {
	case Log:
		return logStatement(x)
	case Limit:
		return &expr.Limit{
			Type: expr.LimitTypePkts, Rate: x.Rate, Over: x.Over,
			Unit: expr.LimitTime(x.Unit.Seconds()), Burst: x.burst(),
		}
	case ConnLimit:
		return &expr.Connlimit{Count: x.Over, Flags: 1} // NFT_CONNLIMIT_F_INV: over
	}
	return nil
}

func logStatement(l Log) expr.Any {
	s := &expr.Log{Key: 1 << unix.NFTA_LOG_GROUP, Group: l.Group}
	if l.Prefix != "" {
		s.Key |= 1 << unix.NFTA_LOG_PREFIX
		s.Data = []byte(l.Prefix)
	}
	if l.Snaplen > 0 {
		s.Key |= 1 << unix.NFTA_LOG_SNAPLEN
		s.Snaplen = l.Snaplen
	}
	return s
}

// require writes the matches on protocols that fields imply and that are not made yet.
func (r *ruleEncoder) require(fields []Field) {
	for _, f := range fields {
		info := f.info()
		r.requireProtocol(NFProto, info.nfproto, &r.known.nfproto)
		r.requireProtocol(L4Proto, info.l4proto, &r.known.l4proto)
	}
}

func (r *ruleEncoder) requireProtocol(f Field, want uint8, known *uint8) {
	if want == 0 || want == *known {
		return
	}
	r.load(f, reg1)
	r.compare(expr.CmpOpEq, []byte{want})
	*known = want
}

// load puts a field in a register.
func (r *ruleEncoder) load(f Field, register uint32) {
	r.loadHead(f, register, f.info().typ.datatype().size)
}

// loadHead puts the first bytes of a field in a register.
func (r *ruleEncoder) loadHead(f Field, register uint32, size int) {
	info := f.info()
	switch info.from {
	case fromMeta:
		r.loadMeta(info.at, register)
	case fromNetwork, fromTransport:
		base := expr.PayloadBaseNetworkHeader
		if info.from == fromTransport {
			base = expr.PayloadBaseTransportHeader
		}
		r.loadPayload(base, info.at, uint32(size), register)
	case fromCT:
		r.loadCT(info.at, register)
	case fromFIB:
		r.put(&expr.Fib{
			Register: register, FlagDADDR: true,
			ResultADDRTYPE: info.at == unix.NFT_FIB_RESULT_ADDRTYPE, ResultOIFNAME: info.at == unix.NFT_FIB_RESULT_OIFNAME,
		})
	}
}

// swap turns a number of host byte order round in its register.
func (r *ruleEncoder) swap(t Type, register uint32) {
	if !t.datatype().host || t == TypeIfname {
		return
	}
	size := uint32(t.datatype().size)
	r.put(&expr.Byteorder{
		SourceRegister: register, DestRegister: register, Op: expr.ByteorderHton, Len: size, Size: size,
	})
}

// loadKey puts fields in the registers from the first on, each in whole words.
func (r *ruleEncoder) loadKey(fields []Field, interval bool) {
	word := 0
	for _, f := range fields {
		register := wordRegister(word)
		r.load(f, register)
		if interval {
			r.swap(f.info().typ, register)
		}
		word += (f.info().typ.datatype().size + 3) / 4
	}
}

// readable refuses what nft lists and cannot read: the device of the routing table has
// a type of its own there, which is no named set's and no part of a concatenation.
func (r *ruleEncoder) readable(fields []Field, set string) {
	if slices.Contains(fields, FIBDaddrOIFName) && (set != "" || len(fields) > 1) {
		r.fail(fmt.Errorf("%s: only in an anonymous set, and alone", fieldsText(fields)))
	}
}

// wordRegister is the register that begins at a word: every fourth has a number of
// its own from the days of registers of 16 bytes.
func wordRegister(word int) uint32 {
	if word%4 == 0 {
		return uint32(reg1 + word/4)
	}
	return uint32(unix.NFT_REG32_00 + word)
}

// anonymous is the number of the next anonymous set of the rule.
func (r *ruleEncoder) anonymous() uint32 {
	id := r.ids[0]
	r.ids = r.ids[1:]
	return id
}

func (r *ruleEncoder) match(m Match) {
	if len(m.Values) == 0 {
		r.fail(fmt.Errorf("%s: no value to compare with", m.Field))
		return
	}
	r.require([]Field{m.Field})
	t := m.Field.info().typ
	if m.masked() {
		r.matchMasked(m)
		return
	}
	if len(m.Values) > 1 {
		s := m.set()
		r.loadKey([]Field{m.Field}, s.Interval)
		r.lookup(lookup{set: anonymousSet, id: r.anonymous(), not: m.Not})
		return
	}
	v := m.Values[0]
	if !v.fits(t) {
		r.fail(fmt.Errorf("%s: a value is not of the field's type", m.Field))
		return
	}
	switch {
	case v.single(t):
		r.load(m.Field, reg1)
		r.compare(equality(m.Not), v.appendWire(nil, t, first, false))
	case t == TypeIfname:
		name, _ := v.wildcard()
		r.load(m.Field, reg1)
		r.compare(equality(m.Not), []byte(name))
	case (t == TypeIPv4 || t == TypeIPv6) && prefixBits(v.From, v.To) >= 0:
		r.matchPrefix(m, v, prefixBits(v.From, v.To))
	default:
		r.matchRange(m, v)
	}
}

// matchMasked compares some bits of a mark. Values with other bits, which nothing
// equals, are refused: nft would list such a match and read another.
func (r *ruleEncoder) matchMasked(m Match) {
	t := m.Field.info().typ
	for _, v := range m.Values {
		if t != TypeMark || v.Type != t || v.single(t) && v.Lo&^m.Mask != 0 {
			r.fail(fmt.Errorf("%s: only marks have a mask, and values no bits beside it", m))
			return
		}
	}
	r.load(m.Field, reg1)
	r.mask(native32(m.Mask), make([]byte, 4))
	switch v := m.Values[0]; {
	case len(m.Values) > 1:
		s := m.set()
		if s.Interval {
			r.swap(t, reg1)
		}
		r.lookup(lookup{set: anonymousSet, id: r.anonymous(), not: m.Not})
	case v.single(t):
		r.compare(equality(m.Not), v.appendWire(nil, t, first, false))
	default:
		r.compareRange(m, v)
	}
}

func (r *ruleEncoder) matchRange(m Match, v Value) {
	r.load(m.Field, reg1)
	r.compareRange(m, v)
}

// compareRange compares the first register with a range.
func (r *ruleEncoder) compareRange(m Match, v Value) {
	t := m.Field.info().typ
	from, to := v.appendWire(nil, t, first, true), v.appendWire(nil, t, last, true)
	r.swap(t, reg1)
	if m.Not {
		r.put(&expr.Range{Op: expr.CmpOpNeq, Register: reg1, FromData: from, ToData: to})
		return
	}
	r.compare(expr.CmpOpGte, from)
	r.compare(expr.CmpOpLte, to)
}

// matchPrefix loads no more than the prefix where it ends with a byte, except for
// three bytes of IPv4: the kernel has a fast path for four and a mask, and none for three.
func (r *ruleEncoder) matchPrefix(m Match, v Value, bits int) {
	t := m.Field.info().typ
	network := v.appendWire(nil, t, first, true)
	size := bits / 8
	if m.Field.info().from == fromNetwork && bits%8 == 0 && size != 0 && (size != 3 || t == TypeIPv6) {
		r.loadHead(m.Field, reg1, size)
		r.compare(equality(m.Not), network[:size])
		return
	}
	r.load(m.Field, reg1)
	mask := bytes.Repeat([]byte{0xff}, len(network))
	for i := range mask {
		if used := bits - 8*i; used < 8 {
			mask[i] = ^byte(0xff >> max(used, 0))
		}
	}
	r.mask(mask, make([]byte, len(mask)))
	r.compare(equality(m.Not), network)
}

func (r *ruleEncoder) vmap(v VMap) {
	r.readable(v.Fields, v.Set)
	r.require(v.Fields)
	search := lookup{set: v.Set, isMap: true, value: unix.NFT_REG_VERDICT}
	interval := r.intervals[v.Set]
	if v.Set == "" {
		search.set, search.id, interval = anonymousMap, r.anonymous(), v.Interval
	}
	r.loadKey(v.Fields, interval)
	r.lookup(search)
}
