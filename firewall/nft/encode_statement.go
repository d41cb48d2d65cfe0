package nft

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// bits matches any of the bits of a conntrack key; with not, none of them.
func (r *ruleEncoder) bits(key, set uint32, not bool) {
	r.loadCT(key, reg1)
	r.mask(native32(set), make([]byte, 4))
	r.compare(equality(!not), make([]byte, 4))
}

func native32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func (r *ruleEncoder) tcpFlags(f TCPFlags) {
	r.requireProtocol(L4Proto, protoTCP, &r.known.l4proto)
	const flagsOffset = 13
	r.loadPayload(expr.PayloadBaseTransportHeader, flagsOffset, 1, reg1)
	r.mask([]byte{f.Mask}, []byte{0})
	r.compare(equality(f.Not), []byte{f.Value})
}

func (r *ruleEncoder) setMark(s SetMark) {
	if s.Keep == 0 {
		r.put(&expr.Immediate{Register: reg1, Data: native32(s.Value)})
	} else {
		r.load(s.Field, reg1)
		// A bit of both must come out set, and the kernel flips what it is told.
		r.mask(native32(s.Keep&^s.Value), native32(s.Value))
	}
	r.storeMark(s.Field)
}

// storeMark makes the first register the mark.
func (r *ruleEncoder) storeMark(f Field) {
	if f == CTMark {
		r.put(&expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: reg1})
		return
	}
	r.put(&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg1})
}

func (r *ruleEncoder) copyMark(c CopyMark) {
	r.load(c.From, reg1)
	if c.masked() {
		r.mask(native32(c.Mask), make([]byte, 4))
	}
	r.storeMark(c.To)
}

func (r *ruleEncoder) reject(x Reject) {
	switch x.With {
	case RejectTCPReset:
		r.requireProtocol(L4Proto, protoTCP, &r.known.l4proto)
		r.put(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	case RejectAdminProhibited:
		r.put(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED})
	default:
		r.put(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH})
	}
}

func (r *ruleEncoder) dynSet(d DynSet) {
	r.readable(d.Fields, d.Set)
	r.require(d.Fields)
	r.loadKey(d.Fields, r.intervals[d.Set])
	x := &expr.Dynset{SrcRegKey: reg1, SetName: d.Set, Operation: unix.NFT_DYNSET_OP_ADD, Timeout: d.Timeout}
	if d.Update {
		x.Operation = unix.NFT_DYNSET_OP_UPDATE
	}
	if d.Stmt != nil {
		x.Exprs = []expr.Any{statement(d.Stmt)}
	}
	r.put(x)
}

func (r *ruleEncoder) nat(n NAT) {
	x := &expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg1}
	if n.Kind == SNAT {
		x.Type = expr.NATTypeSourceNAT
	}
	if n.is6() {
		x.Family = unix.NFPROTO_IPV6
	}
	switch {
	case n.Prefix.IsValid():
		r.put(&expr.Immediate{Register: reg1, Data: n.Prefix.Masked().Addr().AsSlice()})
		r.put(&expr.Immediate{Register: reg2, Data: lastAddr(n.Prefix).AsSlice()})
		x.RegAddrMax, x.Prefix = reg2, true
	case n.Deal != nil || len(n.Addrs) > 1:
		r.spread(n)
	case len(n.Addrs) == 1:
		r.put(&expr.Immediate{Register: reg1, Data: n.Addrs[0].AsSlice()})
	}
	if ports := n.toPorts(); ports.some() {
		x.Specified, x.RegProtoMin = true, reg2
		if r.ports(ports, reg2) {
			x.RegProtoMax = reg3
		}
	}
	r.put(x)
}

// masquerade is written here, since v0.3.0 sends ports without the flag that makes
// the kernel look at them.
func (r *ruleEncoder) masquerade(m Masquerade) {
	ports := m.toPorts()
	ranged := ports.some() && r.ports(ports, reg2)
	at := r.openExpr("masq")
	if ports.some() {
		r.uint32(unix.NFTA_MASQ_FLAGS, unix.NF_NAT_RANGE_PROTO_SPECIFIED)
		r.uint32(unix.NFTA_MASQ_REG_PROTO_MIN, reg2)
	}
	if ranged {
		r.uint32(unix.NFTA_MASQ_REG_PROTO_MAX, reg3)
	}
	r.closeExpr(at)
}

// ports puts the new port in a register, or with true the last one of a range in
// the register behind it.
func (r *ruleEncoder) ports(p newPorts, register uint32) (ranged bool) {
	switch {
	case len(p.pairs) > 0:
		r.load(p.field, register)
		r.lookup(lookup{set: anonymousMap, id: r.anonymous(), key: register, isMap: true, value: register})
	case p.field != 0:
		r.load(p.field, register)
	default:
		r.put(&expr.Immediate{Register: register, Data: binary.BigEndian.AppendUint16(nil, p.lo)})
		if p.hi > p.lo {
			r.put(&expr.Immediate{Register: register + 1, Data: binary.BigEndian.AppendUint16(nil, p.hi)})
			return true
		}
	}
	return false
}

// lastAddr is the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().AsSlice()
	for i := range raw {
		if used := p.Bits() - 8*i; used < 8 {
			raw[i] |= byte(0xff >> max(used, 0))
		}
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}
