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
	r.natPorts(n, x)
	r.put(x)
}

func (r *ruleEncoder) natPorts(n NAT, x *expr.NAT) {
	x.Specified = n.translatesPort()
	switch {
	case len(n.MapPorts) > 0:
		r.load(n.PortField, reg2)
		r.lookup(lookup{set: anonymousMap, id: r.anonymous(), key: reg2, isMap: true, value: reg2})
		x.RegProtoMin = reg2
	case n.PortLo != 0:
		r.put(&expr.Immediate{Register: reg2, Data: binary.BigEndian.AppendUint16(nil, n.PortLo)})
		x.RegProtoMin = reg2
		if n.PortHi > n.PortLo {
			r.put(&expr.Immediate{Register: reg3, Data: binary.BigEndian.AppendUint16(nil, n.PortHi)})
			x.RegProtoMax = reg3
		}
	}
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
