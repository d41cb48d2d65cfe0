package vmac

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of 16 bytes: the key of a lookup or what is compared, and the MAC that is written.
const (
	keyRegister = unix.NFT_REG_1
	macRegister = unix.NFT_REG_2
)

// add queues what makes the table.
func (r ruleset) add(c *nftables.Conn, table *nftables.Table) error {
	c.AddTable(table)
	for i, s := range r.sets {
		// With a number of our own the library need not count in a variable that all share.
		if err := c.AddSet(s.header(table, uint32(i+1)), s.elements()); err != nil {
			return fmt.Errorf("set %s: %w", s.name, err)
		}
	}
	for _, ch := range r.chains {
		chain := c.AddChain(ch.header(table))
		for _, r := range ch.rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: r.exprs()})
		}
	}
	return nil
}

func (s set) header(table *nftables.Table, id uint32) *nftables.Set {
	n := &nftables.Set{Table: table, ID: id, Name: s.name}
	switch s.of {
	case etherAddr:
		n.KeyType = nftables.TypeEtherAddr
		return n
	case ip4Addr:
		n.KeyType = nftables.TypeIPAddr
	case ip6Addr:
		n.KeyType = nftables.TypeIP6Addr
	}
	n.IsMap, n.DataType = true, nftables.TypeEtherAddr
	return n
}

func (s set) elements() []nftables.SetElement {
	var all []nftables.SetElement
	for _, m := range s.macs {
		all = append(all, nftables.SetElement{Key: m[:]})
	}
	for _, b := range s.bound {
		all = append(all, nftables.SetElement{Key: b.addr.AsSlice(), Val: b.mac[:]})
	}
	return all
}

func (c chain) header(table *nftables.Table) *nftables.Chain {
	at := nftables.ChainHookIngress
	if c.hook == egress {
		at = nftables.ChainHookEgress
	}
	policy := nftables.ChainPolicyAccept
	return &nftables.Chain{
		Table: table, Name: c.name, Type: nftables.ChainTypeFilter, Hooknum: at, Device: c.device,
		Priority: nftables.ChainPriorityRef(nftables.ChainPriority(c.priority)), Policy: &policy,
	}
}

func (r rule) exprs() []expr.Any {
	var all []expr.Any
	for _, t := range r {
		all = append(all, encode(t)...)
	}
	return all
}

// encode is the term for the kernel.
func encode(t term) []expr.Any {
	switch t := t.(type) {
	case equals:
		return append(t.field.load(), t.field.compare(expr.CmpOpEq, t.value))
	case differs:
		return append(t.field.load(), t.field.compare(expr.CmpOpNeq, t.value))
	case within:
		return append(t.field.load(), &expr.Lookup{SourceRegister: keyRegister, SetName: t.set})
	case passing:
		return []expr.Any{
			&expr.Fib{Register: keyRegister, FlagSADDR: true, ResultADDRTYPE: true},
			&expr.Cmp{Op: expr.CmpOpEq, Register: keyRegister, Data: binary.NativeEndian.AppendUint32(nil, unix.RTN_UNICAST)},
		}
	case look:
		all := append(t.key.load(), &expr.Lookup{
			SourceRegister: keyRegister, DestRegister: macRegister, IsDestRegSet: true, SetName: t.in,
		})
		for _, f := range t.fields {
			all = append(all, f.store())
		}
		return all
	case write:
		return []expr.Any{&expr.Immediate{Register: macRegister, Data: t.mac[:]}, t.field.store()}
	case toHost:
		return []expr.Any{
			&expr.Immediate{Register: keyRegister, Data: []byte{unix.PACKET_HOST}},
			&expr.Meta{Key: expr.MetaKeyPKTTYPE, SourceRegister: true, Register: keyRegister},
		}
	case accept:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	}
	panic(fmt.Sprintf("vmac: term %T", t))
}

// load reads the field into a register.
func (f field) load() []expr.Any {
	if f == l4Proto {
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: keyRegister}}
	}
	p := places[f]
	all := []expr.Any{&expr.Payload{DestRegister: keyRegister, Base: p.header.base(), Offset: p.offset, Len: p.size}}
	if f == vlanID { // the lower 12 bits, IEEE 802.1Q
		all = append(all, &expr.Bitwise{
			SourceRegister: keyRegister, DestRegister: keyRegister, Len: 2, Mask: []byte{0x0f, 0xff}, Xor: []byte{0, 0},
		})
	}
	return all
}

// store writes the MAC in its register to the field.
func (f field) store() expr.Any {
	p := places[f]
	w := &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: macRegister,
		Base: p.header.base(), Offset: p.offset, Len: p.size,
	}
	if p.header == transport {
		const icmp6Checksum = 2 // its offset
		w.CsumType, w.CsumOffset = expr.CsumTypeInet, icmp6Checksum
	}
	return w
}

// compare compares the register with a number as long as the field.
func (f field) compare(op expr.CmpOp, v value) expr.Any {
	data := binary.BigEndian.AppendUint16(nil, values[v].number)
	if places[f].size != 2 {
		data = data[1:]
	}
	return &expr.Cmp{Op: op, Register: keyRegister, Data: data}
}

func (h header) base() expr.PayloadBase {
	switch h {
	case network:
		return expr.PayloadBaseNetworkHeader
	case transport:
		return expr.PayloadBaseTransportHeader
	}
	return expr.PayloadBaseLLHeader
}
