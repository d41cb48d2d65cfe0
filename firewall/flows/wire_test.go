package flows

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kinds is a flow of each kind that is written in its own way.
func kinds() map[string]Flow {
	zoned := office()
	zoned.Zone = 513
	return map[string]Flow{
		"tcp":     office(),
		"zone":    zoned,
		"forward": forwarded(),
		"icmpv6":  ping(),
		"udp":     query(),
		"icmp": {ID: 9, Orig: Tuple{ProtoICMP, netip.MustParseAddrPort("10.1.2.9:0"), netip.MustParseAddrPort("192.0.2.7:0"),
			ICMP{ID: 0x1234, Type: 8}}},
		"sctp": {ID: 10, Orig: tuple(ProtoSCTP, "[2001:db8::9]:2905", "[2001:db8:1::7]:36412")},
		"gre":  {ID: 11, Orig: tuple(ProtoGRE, "10.1.2.9:1", "192.0.2.7:65535")},
		"esp":  {ID: 12, Orig: tuple(50, "10.1.2.9:0", "192.0.2.7:0")},
	}
}

// only keeps what a request says of a flow.
func only(f Flow) Flow { return Flow{Orig: f.Orig, ID: f.ID, Zone: f.Zone} }

func TestRequestsReadBack(t *testing.T) {
	for name, f := range kinds() {
		t.Run(name, func(t *testing.T) {
			want := only(f)
			readBack(t, appendEnd(nil, header{seq: 7}, f), want)
			want.Mark = 0x20000
			readBack(t, appendRemark(nil, header{seq: 7}, Marked{f, GatewayBits(2)}), want)
		})
	}
}

// readBack reads a request as our own decoder and as the library does.
func readBack(t *testing.T, request []byte, want Flow) {
	t.Helper()
	m, rest, err := splitMessage(request)
	if err != nil || len(rest) != 0 || m.seq != 7 {
		t.Fatalf("split into %+v and %d bytes: %v", m, len(rest), err)
	}
	for decoder, parse := range map[string]func([]byte) (Flow, error){"ours": parseFlow, "oracle": oracle} {
		got, err := parse(m.data)
		if diff := cmp.Diff(want, got, equalAddrs()); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", decoder, err, diff)
		}
	}
}

// TestRequestBytes holds requests against bytes that were written by hand from the kernel's headers.
func TestRequestBytes(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// Little endian, as most machines are; the test stands for the others as well, since only headers differ.
	if !littleEndian() {
		t.Skip("the bytes are those of a little-endian machine")
	}
	f := Flow{Orig: tuple(ProtoTCP, "10.1.2.9:40000", "198.51.100.7:443"), ID: 0x2a}
	name := `34000180
		14000180 08000100 0a010209 08000200 c6336407
		1c000280 05000100 06000000 06000200 9c400000 06000300 01bb0000
		08000c00 0000002a`
	for _, tc := range []struct {
		what string
		got  []byte
		want string
	}{
		{"end", appendEnd(nil, header{seq: 5}, f), `50000000 0201 0100 05000000 00000000 02000000` + name},
		{"end, answered", appendEnd(nil, header{seq: 5, flags: flagAck}, f), `50000000 0201 0500 05000000 00000000 02000000` + name},
		{"mark", appendRemark(nil, header{seq: 5}, Marked{f, Bits{0xff03ffff, GatewayMask}}),
			`60000000 0001 0100 05000000 00000000 02000000` + name + `08000800 00030000 08001500 00ff0000`},
		{"list", appendList(nil, header{seq: 5}, hint{}), `14000000 0101 0103 05000000 00000000 00000000`},
		{"list some", appendList(nil, header{seq: 5}, hint{GatewayBits(2), Bits{2, 6}, familyIPv6}),
			`34000000 0101 0103 05000000 00000000 0a000000 08000800 00020000 08001500 00ff0000 08000300 00000002 08001a00 00000006`},
	} {
		if want := unhex(tc.want); !bytes.Equal(tc.got, want) {
			t.Errorf("%s:\n%x, want\n%x", tc.what, tc.got, want)
		}
	}
}

// littleEndian reports whether the headers of this machine's kernel are little endian.
func littleEndian() bool { return appendMessage(nil, header{}, nothing)[0] == headerLen+genmsgLen }

// entry is a flow as the kernel tells of it.
func entry(b []byte, h header, f Flow) []byte {
	h.family = f.Orig.family()
	return appendMessage(b, h, func(b []byte) []byte {
		b = f.appendName(b)
		b = f.Reply.appendAttr(b, attrTupleReply)
		b = appendUint32(b, attrStatus, uint32(f.Status))
		b = appendUint32(b, attrMark, f.Mark)
		b = appendUint32(b, attrTimeout, uint32(f.Timeout/time.Second))
		return appendNested(b, attrProtoInfo, func(b []byte) []byte {
			return appendNested(b, attrProtoInfoTCP, func(b []byte) []byte { return appendUint8(b, attrTCPState, uint8(f.TCPState)) })
		})
	})
}

func TestFlowsAreReadAsTheLibraryReadsThem(t *testing.T) {
	for name, f := range map[string]Flow{"office": office(), "forwarded": forwarded(), "ping": ping(), "query": query()} {
		readBack(t, entry(nil, header{seq: 7}, f), f)
		b := entry(nil, header{}, f)
		for n := range b {
			if _, _, err := splitMessage(b[:n]); !errors.Is(err, errMalformed) {
				t.Errorf("%s: the first %d bytes of a message: %v", name, n, err)
			}
		}
	}
}

func TestTruncatedFlowsAreRefused(t *testing.T) {
	data := entry(nil, header{}, office())[headerLen:]
	whole := 0
	for n := range data {
		f, err := parseFlow(data[:n])
		switch {
		case err == nil:
			whole++ // it ends where an attribute ends
		case !errors.Is(err, errMalformed) || f != (Flow{}):
			t.Errorf("%d bytes: %+v, %v", n, f, err)
		}
	}
	if whole != 7 {
		t.Errorf("%d beginnings were read, want 7: after the header and after six of seven attributes", whole)
	}
}

func TestMalformedFlowsAreRefused(t *testing.T) {
	nest := func(attr uint16, b ...byte) []byte {
		return appendNested(nil, attr, func(to []byte) []byte { return append(to, b...) })
	}
	for name, attrs := range map[string][]byte{
		"shorter than its header": {3, 0, 1, 0},
		"longer than the rest":    {9, 0, 1, 0, 0, 0, 0, 0},
		"a mark of two bytes":     appendUint16(nil, attrMark, 1),
		"a zone of four":          appendUint32(nil, attrZone, 1),
		"a status of one":         appendUint8(nil, attrStatus, 1),
		"a port of one":           nest(attrTupleOrig, nest(attrTupleProto, appendUint8(nil, attrSrcPort, 1)...)...),
		"an IPv4 address of 16":   nest(attrTupleOrig, nest(attrTupleIP, appendAddr(nil, attrIPv4Src, netip.IPv6Loopback())...)...),
		"a stub in a tuple":       nest(attrTupleReply, 0, 0),
		"a stub in the state":     nest(attrProtoInfo, nest(attrProtoInfoTCP, 1)...),
		"a counter of four":       nest(attrCountersOrig, appendUint32(nil, attrBytes, 1)...),
		"a time of four":          nest(attrTimestamp, appendUint32(nil, attrTimeStart, 1)...),
	} {
		if f, err := parseFlow(append(make([]byte, genmsgLen), attrs...)); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if _, err := parseCount(append(make([]byte, genmsgLen), appendUint16(nil, attrStatsMax, 1)...)); !errors.Is(err, errMalformed) {
		t.Errorf("a maximum of two bytes: %v", err)
	}
	if _, err := parseCount(nil); !errors.Is(err, errMalformed) {
		t.Errorf("no statistics: %v", err)
	}
}

// FuzzTuple writes any tuple that names a flow and has it read by the library.
func FuzzTuple(f *testing.F) {
	f.Add(uint8(6), []byte{10, 1, 2, 9}, []byte{198, 51, 100, 7}, uint16(40000), uint16(443), uint8(0), uint16(0))
	f.Add(uint8(58), make([]byte, 16), make([]byte, 16), uint16(0), uint16(0), uint8(128), uint16(77))
	f.Add(uint8(1), netip.MustParseAddr("::ffff:10.1.2.9").AsSlice(), []byte{1, 2, 3, 4}, uint16(9), uint16(8), uint8(8), uint16(7))
	f.Fuzz(func(t *testing.T, proto uint8, src, dst []byte, sport, dport uint16, kind uint8, id uint16) {
		from, _ := netip.AddrFromSlice(src)
		to, _ := netip.AddrFromSlice(dst)
		x := Tuple{Proto: Proto(proto), Src: netip.AddrPortFrom(from, 0), Dst: netip.AddrPortFrom(to, 0)}
		switch {
		case x.Proto == ProtoICMP || x.Proto == ProtoICMPv6:
			x.ICMP = ICMP{ID: id, Type: kind, Code: kind ^ 1}
		case x.Proto.ports():
			x.Src, x.Dst = netip.AddrPortFrom(from, sport), netip.AddrPortFrom(to, dport)
		}
		if nameable(Flow{Orig: x}) != nil {
			return
		}
		readBack(t, appendEnd(nil, header{seq: 7}, Flow{Orig: x, ID: 5, Zone: id}), Flow{Orig: x, ID: 5, Zone: id})
	})
}

// FuzzParseFlow reads anything; what the decoder takes for one whole flow must survive being written again.
func FuzzParseFlow(f *testing.F) {
	for _, x := range kinds() {
		f.Add(entry(nil, header{}, Flow{Orig: x.Orig, Reply: x.Orig, ID: x.ID, Zone: x.Zone})[headerLen:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseFlow(data)
		if err != nil {
			if x != (Flow{}) {
				t.Errorf("both %+v and %v", x, err)
			}
			return
		}
		if !x.Orig.whole() {
			return
		}
		again, err := parseFlow(appendEnd(nil, header{}, x)[headerLen:])
		if err != nil || again.ID != x.ID || again.Zone != x.Zone || again.Orig.Src.Addr() != x.Orig.Src.Addr() {
			t.Errorf("%+v was read again as %+v, %v", x, again, err)
		}
	})
}
