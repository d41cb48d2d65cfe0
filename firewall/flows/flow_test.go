package flows

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// equalAddrs lets cmp compare what keeps its fields to itself.
func equalAddrs() cmp.Option {
	return cmp.Options{
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	}
}

func tuple(p Proto, src, dst string) Tuple {
	return Tuple{Proto: p, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

// office is a connection of the office to the web, translated on its way out.
func office() Flow {
	return Flow{
		Orig:     tuple(ProtoTCP, "10.1.2.9:40000", "198.51.100.7:443"),
		Reply:    tuple(ProtoTCP, "198.51.100.7:443", "203.0.113.2:40000"),
		Status:   SeenReply | Assured | Confirmed | SrcNAT | SrcNATDone | DstNATDone,
		Mark:     Mark(17, 2, 3),
		TCPState: Established,
		Timeout:  4*time.Minute + 59*time.Second,
		ID:       42,
	}
}

// forwarded is a connection from outside to a web server that another port leads to.
func forwarded() Flow {
	return Flow{
		Orig:     tuple(ProtoTCP, "192.0.2.1:50000", "203.0.113.5:443"),
		Reply:    tuple(ProtoTCP, "10.1.3.10:8443", "192.0.2.1:50000"),
		Status:   Confirmed | DstNAT,
		Mark:     Mark(18, 0, 0),
		TCPState: SynSent,
		Timeout:  119 * time.Second,
	}
}

// ping is an echo over IPv6, answered.
func ping() Flow {
	return Flow{
		Orig: Tuple{ProtoICMPv6, netip.MustParseAddrPort("[2001:db8::9]:0"), netip.MustParseAddrPort("[2001:db8:1::7]:0"),
			ICMP{ID: 77, Type: 128}},
		Reply: Tuple{ProtoICMPv6, netip.MustParseAddrPort("[2001:db8:1::7]:0"), netip.MustParseAddrPort("[2001:db8::9]:0"),
			ICMP{ID: 77, Type: 129}},
		Status:  SeenReply | Confirmed,
		Timeout: 29 * time.Second,
	}
}

// query is a question by UDP that nobody answered.
func query() Flow {
	return Flow{
		Orig:    tuple(ProtoUDP, "10.1.2.9:5353", "10.1.2.1:53"),
		Reply:   tuple(ProtoUDP, "10.1.2.1:53", "10.1.2.9:5353"),
		Status:  Confirmed,
		Mark:    Mark(19, 1, 0),
		Timeout: 30 * time.Second,
	}
}

func TestMarkHoldsThreeNumbers(t *testing.T) {
	for _, tc := range []struct {
		rule           uint16
		gateway, class uint8
		want           uint32
	}{
		{0, 0, 0, 0},
		{17, 2, 3, 0x03020011},
		{0xffff, 0, 0, RuleMask},
		{0, 0xff, 0, GatewayMask},
		{0, 0, 0xff, ClassMask},
	} {
		f := Flow{Mark: Mark(tc.rule, tc.gateway, tc.class)}
		if f.Mark != tc.want || f.Rule() != tc.rule || f.Gateway() != tc.gateway || f.Class() != tc.class {
			t.Errorf("Mark(%d, %d, %d) = %#x, read back as %d, %d, %d", tc.rule, tc.gateway, tc.class, f.Mark, f.Rule(), f.Gateway(), f.Class())
		}
	}
}

func TestBitsOfMarks(t *testing.T) {
	mark := Mark(17, 2, 3)
	for _, tc := range []struct {
		bits Bits
		in   bool
		on   uint32
		text string
	}{
		{Bits{}, true, 0x03020011, "0x0/0x0"},
		{RuleBits(17), true, 0x03020011, "0x11/0xffff"},
		{RuleBits(18), false, 0x03020012, "0x12/0xffff"},
		{GatewayBits(2), true, 0x03020011, "0x20000/0xff0000"},
		{GatewayBits(5), false, 0x03050011, "0x50000/0xff0000"},
		{Bits{0xffffffff, ClassMask}, false, 0xff020011, "0xffffffff/0xff000000"},
	} {
		if in, on, text := tc.bits.In(mark), tc.bits.On(mark), tc.bits.String(); in != tc.in || on != tc.on || text != tc.text {
			t.Errorf("%v: in the mark %v, on it %#x", text, in, on)
		}
		if !tc.bits.In(tc.bits.On(mark)) {
			t.Errorf("%v: not in the mark that it was put on", tc.bits)
		}
	}
}

func TestFlowPrintsAsOneLine(t *testing.T) {
	far := office()
	far.Orig.Src, far.Orig.Dst = netip.MustParseAddrPort("192.168.100.200:40000"), netip.MustParseAddrPort("198.51.100.207:443")
	far.Reply.Src, far.Reply.Dst = far.Orig.Dst, netip.MustParseAddrPort("203.0.113.102:40000")
	far.Timeout = 432000 * time.Second

	both := forwarded()
	both.Reply.Dst = netip.MustParseAddrPort("10.1.3.1:61000")

	esp := Flow{Orig: tuple(50, "192.0.2.1:0", "203.0.113.5:0"), Reply: tuple(50, "203.0.113.5:0", "192.0.2.1:0"),
		Status: SeenReply | Assured, Timeout: 2*time.Hour + 10*time.Minute}

	for _, tc := range []struct {
		flow Flow
		want string
	}{
		{office(), "tcp 10.1.2.9:40000 -> 198.51.100.7:443 (as 203.0.113.2:40000) ESTABLISHED 4m59s"},
		{forwarded(), "tcp 192.0.2.1:50000 -> 203.0.113.5:443 (to 10.1.3.10:8443) SYN_SENT 1m59s"},
		{both, "tcp 192.0.2.1:50000 -> 203.0.113.5:443 (as 10.1.3.1:61000 to 10.1.3.10:8443) SYN_SENT 1m59s"},
		{far, "tcp 192.168.100.200:40000 -> 198.51.100.207:443 (as 203.0.113.102) ESTABLISHED 5d0h"},
		{ping(), "icmpv6 2001:db8::9 -> 2001:db8:1::7 type 128 id 77 replied 29s"},
		{query(), "udp 10.1.2.9:5353 -> 10.1.2.1:53 unreplied 30s"},
		{esp, "esp 192.0.2.1 -> 203.0.113.5 assured 2h10m"},
	} {
		if got := tc.flow.String(); got != tc.want {
			t.Errorf("printed %q, want %q", got, tc.want)
		}
	}
}

func TestFlowJSONRoundTrip(t *testing.T) {
	full := office()
	full.OrigTraffic, full.ReplyTraffic = Traffic{10, 1000}, Traffic{12, 64000}
	full.Start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	full.Zone, full.RuleName, full.GatewayName = 5, "lan-out", "dsl"
	full.Status |= 1 << 20
	for _, want := range []Flow{full, forwarded(), ping(), query(), {}} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatalf("marshal %v: %v", want, err)
		}
		var got Flow
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("unmarshal %s: %v", b, err)
		}
		if diff := cmp.Diff(want, got, equalAddrs()); diff != "" {
			t.Errorf("changed on the way (-want +got):\n%s\nin %s", diff, b)
		}
	}
}

func TestNumbersNameFlows(t *testing.T) {
	flows := []Flow{office(), query(), forwarded(), ping()}
	flows[3].RuleName, flows[3].GatewayName = "renamed", "sold"
	flows[2].Mark = Mark(99, 99, 0)
	n := Numbers{Rules: map[string]uint16{"lan-out": 17, "lan-dns": 19, "unnumbered": 0}, Gateways: map[string]uint16{"dsl": 2, "none": 0}}
	n.Name(flows)
	for i, want := range [][2]string{{"lan-out", "dsl"}, {"lan-dns", ""}, {"", ""}, {"", ""}} {
		if got := [2]string{flows[i].RuleName, flows[i].GatewayName}; got != want {
			t.Errorf("%v: named %q, want %q", flows[i], got, want)
		}
	}
}

func TestFlowJSONNames(t *testing.T) {
	const want = `{"orig":{"proto":"icmpv6","src":"2001:db8::9","dst":"2001:db8:1::7","icmp":{"id":77,"type":128,"code":0}},` +
		`"reply":{"proto":"icmpv6","src":"2001:db8:1::7","dst":"2001:db8::9","icmp":{"id":77,"type":129,"code":0}},` +
		`"status":["seen-reply","confirmed"],"mark":0,"id":0,"orig_traffic":{"packets":0,"bytes":0},` +
		`"reply_traffic":{"packets":0,"bytes":0},"timeout_seconds":29}`
	b, err := json.Marshal(ping())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestFlowJSONRefuses(t *testing.T) {
	for _, in := range []string{
		`{"timeout_seconds":"soon"}`,
		`{"status":["merry"]}`,
		`{"status":7}`,
		`{"tcp_state":"OPEN"}`,
		`{"orig":{"proto":"tcpp"}}`,
		`{"orig":{"src":"10.1.2"}}`,
		`{"orig":{"src_port":70000}}`,
	} {
		var f Flow
		if err := json.Unmarshal([]byte(in), &f); err == nil {
			t.Errorf("%s was read as %v", in, f)
		}
	}
}

func TestNamesReadBack(t *testing.T) {
	for i := range 256 {
		p, s := Proto(i), TCPState(i)
		if got, err := ParseProto(p.String()); err != nil || got != p {
			t.Errorf("ParseProto(%q) = %v, %v", p.String(), got, err)
		}
		if got, err := ParseTCPState(s.String()); err != nil || got != s {
			t.Errorf("ParseTCPState(%q) = %v, %v", s.String(), got, err)
		}
	}
	if got := (SeenReply | Assured | 1<<16).String(); got != "seen-reply,assured,0x10000" {
		t.Errorf("status printed as %q", got)
	}
}

func TestTupleNamesOneFlow(t *testing.T) {
	for _, tc := range []struct {
		tuple Tuple
		want  bool
	}{
		{office().Orig, true},
		{ping().Orig, true},
		{Tuple{}, false},
		{Tuple{Proto: ProtoTCP}, false},
		{Tuple{Proto: ProtoTCP, Src: office().Orig.Src}, false},
		{tuple(ProtoTCP, "10.1.2.9:1", "[2001:db8::1]:2"), false},
		{tuple(ProtoTCP, "[::ffff:10.1.2.9]:1", "[2001:db8::1]:2"), false},
	} {
		if got := tc.tuple.whole(); got != tc.want {
			t.Errorf("%+v names one flow: %v, want %v", tc.tuple, got, tc.want)
		}
	}
}
