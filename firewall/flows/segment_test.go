package flows

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/lab"
)

func segment(src, dst string, seq, ack uint32) Segment {
	return Segment{netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst), seq, ack}
}

func TestSegmentBytes(t *testing.T) {
	for _, tc := range []struct {
		segment Segment
		want    string
	}{
		{segment("198.51.100.7:443", "10.1.2.9:40000", 0x01020304, 0x0a0b0c0d),
			`45000028 00004000 4006048c c6336407 0a010209
			01bb9c40 01020304 0a0b0c0d 50100000 c1760000`},
		{segment("[2001:db8:1::7]:443", "[2001:db8::9]:40000", 0xffffffff, 0),
			`60000000 00140640 20010db8000100000000000000000007 20010db8000000000000000000000009
			01bb9c40 ffffffff 00000000 50100000 b6560000`},
	} {
		want, err := hex.DecodeString(strings.Join(strings.Fields(tc.want), ""))
		if err != nil {
			t.Fatal(err)
		}
		got := tc.segment.Append([]byte("before"))
		if !bytes.HasPrefix(got, []byte("before")) {
			t.Fatalf("%v: what stood before is gone", tc.segment)
		}
		got = got[len("before"):]
		checked(t, got)
		if !bytes.Equal(got, want) {
			t.Errorf("%v:\n%x, want\n%x", tc.segment, got, want)
		}
	}
}

// checked sums a packet up as its receiver does: with the checksum in it the sum is all ones.
func checked(t *testing.T, b []byte) {
	t.Helper()
	at, addrs := ipv6Len, b[8:ipv6Len]
	if b[0]>>4 == 4 {
		at, addrs = ipv4Len, b[12:ipv4Len]
		if got := sum(0, b[:ipv4Len]); got != 0xffff {
			t.Errorf("the IPv4 header sums up to %#x", got)
		}
	}
	if got := sum(sum(uint16(ProtoTCP)+uint16(len(b)-at), addrs), b[at:]); got != 0xffff {
		t.Errorf("the TCP header sums up to %#x", got)
	}
}

// TestSegmentsReadBack has segments read, and written, by the code that the tests of the gateway read packets with.
func TestSegmentsReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	end := func(size int) netip.AddrPort {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		a, _ := netip.AddrFromSlice(b)
		return netip.AddrPortFrom(a, uint16(random.Uint32()))
	}
	for i := range 1000 {
		size := []int{4, 16}[i%2]
		s := Segment{end(size), end(size), random.Uint32(), random.Uint32()}
		b := s.Append(nil)
		d, err := lab.ParseDatagram(b)
		if err != nil || d.Flags != lab.ACK || d.TTL != hopLimit || len(d.Payload) != 0 {
			t.Fatalf("%+v was read as %v, %v", s, d, err)
		}
		if diff := cmp.Diff(s, Segment{d.Src, d.Dst, d.Seq, d.Ack}, equalAddrs()); diff != "" {
			t.Fatalf("changed on the way (-want +got):\n%s", diff)
		}
		checked(t, b)
	}
}

func TestNudgesComeFromThePeerAsEachEndKnowsIt(t *testing.T) {
	const (
		host, local, inner    = "10.1.2.9:40000", "10.1.3.10:8443", "10.1.3.10:8443"
		remote, ours, service = "198.51.100.7:443", "203.0.113.2:61000", "203.0.113.5:443"
		gateway               = "10.1.3.1:61000"
	)
	for _, tc := range []struct {
		what        string
		orig, reply Tuple
		origin      Segment // to the end that began
		replier     Segment
	}{
		{"untranslated", tuple(ProtoTCP, host, remote), tuple(ProtoTCP, remote, host), segment(remote, host, 0, 0), segment(host, remote, 0, 0)},
		{"source translated", tuple(ProtoTCP, host, remote), tuple(ProtoTCP, remote, ours), segment(remote, host, 0, 0), segment(ours, remote, 0, 0)},
		{"port forward", tuple(ProtoTCP, remote, service), tuple(ProtoTCP, inner, remote), segment(service, remote, 0, 0), segment(remote, inner, 0, 0)},
		{"reflection", tuple(ProtoTCP, host, service), tuple(ProtoTCP, local, gateway), segment(service, host, 0, 0), segment(gateway, local, 0, 0)},
		{"prefix translation", tuple(ProtoTCP, "[fd00::9]:1", "[2001:db8:9::7]:2"), tuple(ProtoTCP, "[2001:db8:9::7]:2", "[2001:db8::9]:1"),
			segment("[2001:db8:9::7]:2", "[fd00::9]:1", 0, 0), segment("[2001:db8::9]:1", "[2001:db8:9::7]:2", 0, 0)},
	} {
		got := Nudges(Flow{Orig: tc.orig, Reply: tc.reply, TCPState: Established})
		if want := []Segment{tc.origin, tc.replier}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tc.what, got, want)
		}
	}
}

func TestNudgesAreForConnections(t *testing.T) {
	for state := range TCPState(12) {
		f := office()
		f.TCPState = state
		want := map[TCPState]int{SynRecv: 2, Established: 2, FinWait: 2, CloseWait: 2, LastAck: 2}[state]
		if got := len(Nudges(f)); got != want {
			t.Errorf("%v: %d nudges, want %d", state, got, want)
		}
	}
	udp := query()
	udp.TCPState = Established
	if got := Nudges(udp); got != nil {
		t.Errorf("a flow of UDP: %v", got)
	}
}
