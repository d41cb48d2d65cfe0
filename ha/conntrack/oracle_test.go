package conntrack

import (
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"testing"

	"github.com/florianl/go-conntrack"
	"github.com/google/go-cmp/cmp"
)

// oracle reads what follows the header of a message about a flow as go-conntrack does, as far as it can: it knows no labels,
// no master and no SYN proxy.
func oracle(body []byte) (Flow, Extra, error) {
	c, err := conntrack.ParseAttributes(log.New(io.Discard, "", 0), body)
	if err != nil {
		return Flow{}, Extra{}, err
	}
	f := Flow{Status: Status(at(c.Status)), Mark: at(c.Mark), Timeout: at(c.Timeout)}
	f.Family = body[0]
	var x Extra
	f.Orig, f.Proto, x.Zones[0] = oracleTuple(c.Origin)
	f.Reply, _, x.Zones[1] = oracleTuple(c.Reply)
	f.Zone = at(c.Zone)
	if x.Zones != [2]uint16{} {
		f.Zone = x.Zones[0]
	}
	if c.Helper != nil {
		name, _, _ := bytes.Cut([]byte(at(c.Helper.Name)), []byte{0})
		copy(x.Helper[:], name)
	}
	x.Adjust = [2]Adjust{oracleAdjust(c.SeqAdjOrig), oracleAdjust(c.SeqAdjRepl)}
	oracleInfo(&f, &x, c.ProtoInfo)
	return f, x, nil
}

func oracleTuple(t *conntrack.IPTuple) (u Tuple, proto uint8, zone uint16) {
	if t == nil || t.Proto == nil {
		return Tuple{}, 0, 0
	}
	copy(u.Src[:], at((*[]byte)(t.Src)))
	copy(u.Dst[:], at((*[]byte)(t.Dst)))
	p := t.Proto
	u.SrcPort, u.DstPort = at(p.SrcPort), at(p.DstPort)
	switch at(p.Number) {
	case ICMP:
		u.SrcPort, u.DstPort = at(p.IcmpID), uint16(at(p.IcmpType))<<8|uint16(at(p.IcmpCode))
	case ICMPv6:
		u.SrcPort, u.DstPort = at(p.Icmpv6ID), uint16(at(p.Icmpv6Type))<<8|uint16(at(p.Icmpv6Code))
	}
	return u, at(p.Number), at(t.Zone)
}

func oracleAdjust(a *conntrack.SeqAdj) Adjust {
	if a == nil {
		return Adjust{}
	}
	return Adjust{at(a.CorrectionPos), at(a.OffsetBefore), at(a.OffsetAfter)}
}

func oracleInfo(f *Flow, x *Extra, p *conntrack.ProtoInfo) {
	switch {
	case p == nil:
	case p.TCP != nil:
		f.State = State(at(p.TCP.State))
		f.Scale = [2]uint8{at(p.TCP.WScaleOrig), at(p.TCP.WScaleRepl)}
		for i, flags := range []*conntrack.TCPFlags{p.TCP.FlagsOrig, p.TCP.FlagsReply} {
			if flags != nil {
				f.Flags[i] = TCPFlags(at(flags.Flags))
			}
		}
	case p.SCTP != nil:
		f.State = State(at(p.SCTP.State))
		x.VTag = [2]uint32{at(p.SCTP.VTagOriginal), at(p.SCTP.VTagReply)}
	case p.DCCP != nil:
		f.State = State(at(p.DCCP.State))
		x.DCCP = DCCP{at(p.DCCP.Role), at(p.DCCP.HandshakeSeq)}
	}
}

// at is what the pointer leads to, zero if it leads nowhere.
func at[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// knownToOracle is without what the oracle does not know.
func knownToOracle(x Extra) Extra {
	x.Labels, x.Master, x.Proxy = [16]byte{}, Key{}, Proxy{}
	return x
}

func TestOracleReadsTheSame(t *testing.T) {
	for _, s := range samples() {
		if s.flow.Proto == 50 {
			continue // it has ports for us, which the kernel passes over
		}
		b := AppendCreate(nil, 1, &s.flow, &s.extra, 600)
		m := parsed(t, b)
		f, x, err := oracle(b[headerLen:])
		if diff := cmp.Diff(f, m.Flow); diff != "" || err != nil {
			t.Errorf("%s: %v (-oracle +ours):\n%s", s.name, err, diff)
		}
		if diff := cmp.Diff(x, knownToOracle(m.Extra)); diff != "" {
			t.Errorf("%s (-oracle +ours):\n%s", s.name, diff)
		}
	}
}

// FuzzParse feeds attributes to Parse and to go-conntrack. What we take for a flow the oracle must take for the same flow, as far as it
// is one that a kernel may send: each attribute once, and none of one protocol in another.
func FuzzParse(f *testing.F) {
	for _, s := range append(samples(), expected()) {
		f.Add(AppendCreate(nil, 1, &s.flow, &s.extra, 600)[headerLen:], s.flow.Kind == KindExpect)
		f.Add(AppendUpdate(nil, 1, &s.flow, &s.extra, 600)[headerLen:], s.flow.Kind == KindExpect)
	}
	f.Fuzz(func(t *testing.T, body []byte, expect bool) {
		kind := KindFlow
		if expect {
			kind = KindExpect
		}
		b := appendHeader(nil, msgOf(kind, msgNew), 0, 1, 0)[:headerLen]
		b = appendLength(append(b, body...), 0)
		var m Message
		if m.Parse(b) != nil || expect {
			return
		}
		again := parsed(t, b)
		if again != m {
			t.Fatalf("read as %+v, then as %+v", m, again)
		}
		if !plausible(body[familyLen:], m.Flow.Proto) {
			return
		}
		flow, extra, err := oracle(body)
		if err != nil {
			t.Skip("the oracle is strict where we have no use for what it reads")
		}
		if diff := cmp.Diff(flow, m.Flow); diff != "" {
			t.Errorf("-oracle +ours:\n%s", diff)
		}
		if diff := cmp.Diff(extra, knownToOracle(m.Extra)); diff != "" {
			t.Errorf("-oracle +ours:\n%s", diff)
		}
	})
}

// holds says which attributes there are that hold others, and what those are.
func holds(path string) map[attr]string {
	switch path {
	case "":
		return map[attr]string{ctaTupleOrig: "tuple", ctaTupleReply: "tuple", ctaProtoInfo: "info", ctaHelp: "leaf", ctaSeqAdjOrig: "leaf",
			ctaSeqAdjReply: "leaf"}
	case "tuple":
		return map[attr]string{ctaTupleIP: "leaf", ctaTupleProto: "proto"}
	case "info":
		return map[attr]string{ctaInfoTCP: "leaf", ctaInfoDCCP: "leaf", ctaInfoSCTP: "leaf"}
	}
	return nil
}

// plausible tells whether each attribute is there once, and those of the protocol alone.
func plausible(b []byte, proto uint8) bool { return plausibleAt(b, "", proto) }

func plausibleAt(b []byte, path string, proto uint8) bool {
	seen := map[attr]bool{}
	for len(b) >= attrLen {
		n := int(binary.NativeEndian.Uint16(b))
		if n < attrLen || n > len(b) {
			return false
		}
		raw := attr(binary.NativeEndian.Uint16(b[2:]))
		kind := raw &^ (attrNested | attrOrder)
		if seen[kind] || raw&attrOrder != 0 || path == "proto" && !belongs(kind, proto) || path == "info" && len(seen) > 0 {
			return false
		}
		seen[kind] = true
		if inner, ok := holds(path)[kind]; ok && !plausibleAt(b[attrLen:n], inner, proto) {
			return false
		}
		b = b[min(aligned(n), len(b)):]
	}
	return len(b) == 0
}

// belongs tells whether an attribute is one of the protocol's tuple.
func belongs(kind attr, proto uint8) bool {
	switch kind {
	case ctaSrcPort, ctaDstPort:
		return proto != ICMP && proto != ICMPv6
	case ctaICMPID, ctaICMPType, ctaICMPCode:
		return proto == ICMP
	case ctaICMPv6ID, ctaICMPv6Type, ctaICMPv6Code:
		return proto == ICMPv6
	}
	return true
}

func FuzzSplit(f *testing.F) {
	s := samples()[0]
	f.Add(AppendEnd(AppendCreate(nil, 1, &s.flow, nil, 600), 2, &s.flow.Key))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		for rest := b; len(rest) > 0; {
			msg, next, err := Split(rest)
			if err != nil {
				return
			}
			if len(msg) < headerLen || len(next) > len(rest)-len(msg) {
				t.Fatalf("%d bytes split into %d and %d", len(rest), len(msg), len(next))
			}
			var m Message
			_ = m.Parse(msg) // must not panic
			total += len(msg)
			rest = next
		}
		if total > len(b) {
			t.Fatalf("%d bytes of messages in %d", total, len(b))
		}
	})
}
