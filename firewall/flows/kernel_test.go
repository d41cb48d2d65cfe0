package flows

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// marking makes the kernel track what the gateway sees, lets it translate both ways, and marks what comes in as rule 17, gateway 2,
// class 3 and what goes out as rule 19.
const marking = `
table inet test {
	chain in {
		type filter hook prerouting priority mangle
		ct state new ct mark set 0x03020011
	}
	chain out {
		type filter hook output priority mangle
		ct state new ct mark set 19
	}
	chain before {
		type nat hook prerouting priority dstnat
		tcp dport 80 redirect to :8080
	}
	chain after {
		type nat hook postrouting priority srcnat
		udp dport 9000 snat ip to 10.99.0.3
	}
}
`

func openIn(t testing.TB, ns netns.NsHandle) *Kernel {
	t.Helper()
	var k *Kernel
	inside(t, ns, func() {
		var err error
		if k, err = Open(); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { k.Close() })
	return k
}

// listed returns the flows that the filter picks, once there are so many of them.
func listed(t *testing.T, k *Kernel, n int, words string) []Flow {
	t.Helper()
	filter, err := ParseFilter(strings.Fields(words), numbers())
	if err != nil {
		t.Fatal(err)
	}
	var flows []Flow
	eventually(t, fmt.Sprintf("%d flows of %q", n, words), func() bool {
		if flows, err = k.List(t.Context(), filter); err != nil {
			t.Fatal(err)
		}
		return len(flows) == n
	})
	return flows
}

// traffic makes one flow of each kind and returns the kernel's table.
func traffic(t *testing.T) (k *Kernel, gw netns.NsHandle) {
	t.Helper()
	gw, client := namespaces(t)
	run(t, gw, marking, "nft", "-f", "-")
	inside(t, gw, func() {
		for _, name := range []string{"nf_conntrack_acct", "nf_conntrack_timestamp"} {
			if err := os.WriteFile("/proc/sys/net/netfilter/"+name, []byte("1"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	serve(t, gw, ":8080")
	connect(t, client, "10.99.0.1:80")
	connect(t, client, "[fd00:99::1]:8080")
	send(t, client, "ip4:icmp", "10.99.0.1", []byte{8, 0, 0xf7, 0xb2, 0, 77, 0, 0})   // echo request, id 77
	send(t, client, "ip6:ipv6-icmp", "fd00:99::1", []byte{128, 0, 0, 0, 0, 78, 0, 1}) // the kernel sums it
	send(t, gw, "udp", "10.99.0.2:9000", []byte("hello"))
	k = openIn(t, gw)
	listed(t, k, 2, "state established")
	listed(t, k, 2, "proto icmp state seen-reply")
	return k, gw
}

func TestKernelListsFlows(t *testing.T) {
	k, gw := traffic(t)

	tcp := listed(t, k, 1, "proto tcp port 80")[0]
	client := tcp.Orig.Src.Port()
	want := Flow{
		Orig:     tuple(ProtoTCP, fmt.Sprintf("10.99.0.2:%d", client), "10.99.0.1:80"),
		Reply:    tuple(ProtoTCP, "10.99.0.1:8080", fmt.Sprintf("10.99.0.2:%d", client)),
		Status:   SeenReply | Assured | Confirmed | DstNAT | SrcNATDone | DstNATDone,
		Mark:     Mark(17, 2, 3),
		TCPState: Established,
	}
	if tcp.Orig != want.Orig || tcp.Reply != want.Reply || tcp.Status != want.Status || tcp.Mark != want.Mark || tcp.TCPState != want.TCPState {
		t.Errorf("listed %+v, want %+v", tcp, want)
	}
	if tcp.Timeout < time.Hour || tcp.ID == 0 || tcp.OrigTraffic.Packets < 2 || tcp.ReplyTraffic.Bytes == 0 {
		t.Errorf("listed without timeout, ID or counters: %+v", tcp)
	}
	if age := time.Since(tcp.Start); age < 0 || age > time.Minute {
		t.Errorf("began %v ago", age)
	}

	udp := listed(t, k, 1, "rule lan-dns")[0] // the rule that has number 19
	if got := udp.Reply.Dst.Addr(); got != netip.MustParseAddr("10.99.0.3") || udp.Status&SrcNAT == 0 || udp.Status&SeenReply != 0 {
		t.Errorf("translated source listed as %+v", udp)
	}
	v4, v6 := listed(t, k, 1, "proto 1")[0], listed(t, k, 1, "proto icmpv6")[0]
	if v4.Orig.ICMP != (ICMP{77, 8, 0}) || v4.Reply.ICMP != (ICMP{77, 0, 0}) {
		t.Errorf("echo listed as %+v", v4)
	}
	if v6.Orig.ICMP != (ICMP{78, 128, 0}) || v6.Reply.ICMP != (ICMP{78, 129, 0}) || v6.Orig.Src.Addr() != netip.MustParseAddr("fd00:99::2") {
		t.Errorf("echo over IPv6 listed as %+v", v6)
	}

	all := listed(t, k, 5, "")
	if c, err := k.Count(t.Context()); err != nil || c.Flows != 5 || c.Max == 0 {
		t.Errorf("count %+v, %v", c, err)
	}
	witness(t, gw, all)
}

// witness compares the flows with what conntrack(8) lists.
func witness(t testing.TB, ns netns.NsHandle, flows []Flow) {
	t.Helper()
	out := run(t, ns, "", "conntrack", "-L", "-f", "ipv4", "-o", "id") + run(t, ns, "", "conntrack", "-L", "-f", "ipv6", "-o", "id")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(flows) {
		t.Errorf("conntrack lists %d flows, we %d:\n%s", len(lines), len(flows), out)
	}
	for _, f := range flows {
		found := false
		for _, line := range lines {
			if !strings.Contains(line, fmt.Sprintf(" id=%d", f.ID)) {
				continue
			}
			found = true
			for _, part := range []string{
				f.Orig.Proto.String(), fmt.Sprintf("mark=%d", f.Mark),
				fmt.Sprintf("src=%v dst=%v", f.Orig.Src.Addr(), f.Orig.Dst.Addr()),
				fmt.Sprintf("src=%v dst=%v", f.Reply.Src.Addr(), f.Reply.Dst.Addr()),
			} {
				if !strings.Contains(line, part) {
					t.Errorf("%v: conntrack has no %s in %s", f, part, line)
				}
			}
		}
		if !found {
			t.Errorf("%v (ID %d): conntrack does not list it:\n%s", f, f.ID, out)
		}
	}
}

func TestKernelEndsFlows(t *testing.T) {
	k, gw := traffic(t)
	all := listed(t, k, 5, "")
	if n, err := k.End(t.Context(), append(all[:1:1], Flow{Mark: 17})); n != 0 || !errors.Is(err, ErrNotOne) {
		t.Errorf("a flow without tuple: ended %d, %v", n, err)
	}
	impostor := all[0]
	impostor.ID++
	if n, err := k.End(t.Context(), []Flow{impostor}); n != 0 || err != nil {
		t.Errorf("a tuple that was used again: ended %d, %v", n, err)
	}
	elsewhere := all[0]
	elsewhere.Zone = 7
	if n, err := k.End(t.Context(), []Flow{elsewhere}); n != 0 || err != nil {
		t.Errorf("a tuple in a zone where it is not: ended %d, %v", n, err)
	}
	witness(t, gw, listed(t, k, 5, ""))

	in := listed(t, k, 4, "rule lan-out")
	if n, err := k.End(t.Context(), in); n != 4 || err != nil {
		t.Errorf("ended %d, %v, want 4", n, err)
	}
	if n, err := k.End(t.Context(), in); n != 0 || err != nil {
		t.Errorf("ended %d, %v the second time", n, err)
	}
	witness(t, gw, listed(t, k, 1, ""))
	if n, err := k.End(t.Context(), all); n != 1 || err != nil {
		t.Errorf("ended %d, %v of those that are left", n, err)
	}
	if c, err := k.Count(t.Context()); err != nil || c.Flows != 0 {
		t.Errorf("count %+v, %v", c, err)
	}
}

// crowd puts n UDP flows into the namespace's table, every tenth with rule 17 and gateway 1.
func crowd(t testing.TB, k *Kernel, n int) {
	t.Helper()
	host := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	create := func(b []byte, h header, i int) []byte {
		f := Flow{Orig: Tuple{Proto: ProtoUDP, Src: netip.AddrPortFrom(host(i), 1000), Dst: netip.MustParseAddrPort("192.0.2.1:53")}}
		f.Reply = Tuple{Proto: ProtoUDP, Src: f.Orig.Dst, Dst: f.Orig.Src}
		f.Status, f.Mark, f.Timeout = Confirmed, 18, 600*time.Second
		if i%10 == 0 {
			f.Mark = Mark(17, 1, 0)
		}
		h.flags |= unix.NLM_F_CREATE | unix.NLM_F_EXCL
		h.kind = msgNew
		return entry(b, h, f)
	}
	done, err := k.each(context.Background(), n, func(int) Flow { return office() }, create)
	if done != n || err != nil {
		t.Fatalf("made %d flows of %d: %v", done, n, err)
	}
}

func TestKernelListsManyFlows(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	const n = 10_000
	crowd(t, k, n)

	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.List(short, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("list after cancel: %v", err)
	}
	// The answer that nobody read must not be taken for the next one.
	some := listed(t, k, n/10, "rule lan-out")
	seen := make(map[Tuple]bool)
	for _, f := range listed(t, k, n, "") {
		seen[f.Orig] = true
	}
	if len(seen) != n {
		t.Errorf("%d different flows, want %d", len(seen), n)
	}
	if ended, err := k.End(t.Context(), some); ended != n/10 || err != nil {
		t.Errorf("ended %d, %v", ended, err)
	}
	if c, err := k.Count(t.Context()); err != nil || c.Flows != n-n/10 {
		t.Errorf("count %+v, %v", c, err)
	}
}
