package flowdiff

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

// entry is a flow of a table with what few have.
type entry struct {
	flow  conntrack.Flow
	extra conntrack.Extra
}

// table is a kernel's table in memory. before, unless nil, runs before each walk, with how many there were.
type table struct {
	entries []entry
	walks   int
	before  func(walk int)
	err     error
}

func (t *table) Walk(_ context.Context, fn func(*conntrack.Flow, *conntrack.Extra) error) error {
	if t.before != nil {
		t.before(t.walks)
	}
	t.walks++
	for _, e := range t.entries {
		if err := fn(&e.flow, &e.extra); err != nil {
			return err
		}
	}
	return t.err
}

// answered is a simple stand-in for flowsync.Shared.
func answered(f *conntrack.Flow) bool { return f.Status&conntrack.SeenReply != 0 }

func local(t *table) Local { return Local{Table: t, Shared: answered} }

// tcp is the flow of a number: answered, its source translated, as a kernel shows it.
func tcp(i int) entry {
	f := conntrack.Flow{
		Key:    conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.TCP},
		State:  conntrack.Established,
		Status: conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed | conntrack.SrcNAT | conntrack.SrcNATDone,
		Flags:  [2]conntrack.TCPFlags{conntrack.WindowScale | conntrack.SACK | conntrack.Liberal, conntrack.WindowScale | conntrack.SACK},
		Scale:  [2]uint8{7, 8}, Mark: 0x10003, Timeout: 431_999,
	}
	f.Orig = conntrack.Tuple{Src: conntrack.BytesOf(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})), Dst: bytesOf("192.0.2.7"), SrcPort: 40022, DstPort: 443}
	f.Reply = f.Orig.Inverse(f.Proto)
	f.Reply.Dst, f.Reply.DstPort = bytesOf("203.0.113.5"), 40022+uint16(i%20_000)
	return entry{flow: f}
}

// udp6 is a flow of IPv6 in a zone, with all that few have.
func udp6() entry {
	f := conntrack.Flow{
		Key:    conntrack.Key{Family: conntrack.IPv6, Proto: conntrack.UDP, Zone: 7},
		Status: conntrack.SeenReply | conntrack.SeqAdjust,
	}
	f.Orig = conntrack.Tuple{Src: bytesOf("2001:db8:2::9"), Dst: bytesOf("2001:db8:ffff::7"), SrcPort: 5060, DstPort: 5061}
	f.Reply = f.Orig.Inverse(f.Proto)
	x := conntrack.Extra{Labels: [16]byte{15: 1}, Adjust: [2]conntrack.Adjust{{Pos: 1, Before: 2, After: 3}, {After: 1<<32 - 4}}}
	copy(x.Helper[:], "sip")
	return entry{f, x}
}

// ping is an ICMP flow.
func ping() entry {
	f := conntrack.Flow{Key: conntrack.Key{Family: conntrack.IPv4, Proto: conntrack.ICMP}, Status: conntrack.SeenReply}
	f.Orig = conntrack.Tuple{Src: bytesOf("10.1.2.9"), Dst: bytesOf("192.0.2.7"), SrcPort: 7, DstPort: 8 << 8}
	f.Reply = f.Orig.Inverse(f.Proto)
	return entry{flow: f}
}

func bytesOf(address string) [16]byte { return conntrack.BytesOf(netip.MustParseAddr(address)) }

// many are tcp flows of the numbers below n.
func many(n int) []entry {
	list := make([]entry, n)
	for i := range list {
		list[i] = tcp(i)
	}
	return list
}

// pair is two tables with the same flows.
func pair(entries ...entry) (here, there *table) {
	return &table{entries: entries}, &table{entries: slices.Clone(entries)}
}

// records are what counts of some flows.
func records(entries ...entry) []Record {
	var list []Record
	for _, e := range entries {
		list = append(list, recordOf(&e.flow, &e.extra))
	}
	return list
}

// wholePart has flows of every form.
func wholePart(t testing.TB) *Part {
	t.Helper()
	p := &Part{Flows: records(append(many(3), udp6(), ping())...)}
	h := newHasher(1)
	for i := range p.Flows {
		p.Covers.Add(h.bucket(&p.Flows[i].Flow.Key))
	}
	return p
}
