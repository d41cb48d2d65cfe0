package carp

import (
	"crypto/hmac"
	"crypto/sha1"
	"hash"
	"net/netip"
	"slices"
)

// Context is what an advertisement of one virtual host is authenticated with: the key and
// the set of addresses. Two nodes that differ in it do not understand each other.
//
// With IPv6 link-local addresses there are two ways: FreeBSD counts those of the vhid in,
// and so does Append; OpenBSD leaves them out when it sends and understands both, and so
// does Parse.
//
// A Context that was used once must not be changed, and it and its copies are for one
// goroutine.
type Context struct {
	Key       Key
	VHID      uint8
	Addresses []netip.Addr

	prepared *mac
}

// Equal says that both contexts understand each other: the order of addresses and how
// often they are given do not matter.
func (c Context) Equal(o Context) bool {
	return c.Key == o.Key && c.VHID == o.VHID && slices.Equal(canonical(c.Addresses), canonical(o.Addresses))
}

// mac is a context made ready for any number of advertisements.
type mac struct {
	hash hash.Hash
	// all and noLocal are what is hashed before the counter, with and without link-local addresses;
	// noLocal is nil when there are none.
	all, noLocal []byte
	md           []byte
}

func (c *Context) mac() *mac {
	if c.prepared == nil {
		addresses := canonical(c.Addresses)
		m := &mac{hash: hmac.New(sha1.New, c.Key[:]), all: c.inner(addresses)}
		if global := slices.DeleteFunc(slices.Clone(addresses), linkLocal6); len(global) < len(addresses) {
			m.noLocal = c.inner(global)
		}
		c.prepared = m
	}
	return c.prepared
}

// inner is what the HMAC covers before the counter: neither priority nor anything of the IP header
// is in it. OpenBSD also counts in a hardware address if an administrator chose one for
// carp(4), which nobody else can know.
func (c *Context) inner(addresses []netip.Addr) []byte {
	b := []byte{version, typeAd, c.VHID}
	for _, a := range addresses {
		b = append(b, a.AsSlice()...)
	}
	return b
}

// sum is valid until the next one.
func (m *mac) sum(inner, counter []byte) []byte {
	m.hash.Reset()
	m.hash.Write(inner)
	m.hash.Write(counter)
	m.md = m.hash.Sum(m.md[:0])
	return m.md
}

func (m *mac) proves(counter, md []byte) bool {
	return hmac.Equal(m.sum(m.all, counter), md) ||
		m.noLocal != nil && hmac.Equal(m.sum(m.noLocal, counter), md)
}

// canonical are the addresses as carp_hmac_prepare takes them: IPv4 before IPv6, each in
// ascending order and once. It looks for the next one after the last, between all zeros
// and all ones, so these two are never found.
func canonical(addresses []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range addresses {
		a = a.Unmap().WithZone("")
		if !a.IsValid() || a.IsUnspecified() || a == ones4 || a == ones6 {
			continue
		}
		if linkLocal6(a) {
			// BSD kernels keep the number of the interface here, and take it out to hash.
			b := a.As16()
			b[2], b[3] = 0, 0
			a = netip.AddrFrom16(b)
		}
		out = append(out, a)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

var (
	ones4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	ones6 = netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
)

func linkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }
