package nft

import (
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limiting has a set for each kind of limit, each with room for so many flows from one source.
func limiting(most uint32) Ruleset {
	over := rule(is(UDPDport, port(7000)), DynSet{Set: "count", Fields: []Field{IPSaddr}, Stmt: ConnLimit{Over: most}}, Verdict{Kind: Drop})
	rate := Limit{Rate: 1, Unit: 24 * time.Hour, Burst: most, Over: true}
	fast := rule(is(UDPDport, port(7001)), DynSet{Update: true, Set: "rate", Fields: []Field{IPSaddr}, Stmt: rate}, Verdict{Kind: Drop})
	return Ruleset{
		Table: Table{"rempart"},
		Sets: []Set{
			{Name: "count", Key: []Type{TypeIPv4}, Dynamic: true, Size: 16},
			{Name: "rate", Key: []Type{TypeIPv4}, Dynamic: true, HasTimeout: true, Timeout: time.Hour, Size: 16},
		},
		Chains: []Chain{filter("out", Output, 0, accept, over, fast)},
	}
}

// passes counts how many of n datagrams to a port get by, each of a flow of its own.
func passes(t *testing.T, n int, to string) (passed int) {
	t.Helper()
	for range n {
		c, err := net.Dial("udp", to)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Write([]byte("x"))
		if err == nil {
			passed++
		} else if !strings.Contains(err.Error(), syscall.EPERM.Error()) {
			t.Fatal(err)
		}
		c.Close()
	}
	return passed
}

// TestBucketsAreNotGivenOut: an empty bucket is listed like a full one, and an element that is put in is
// a full one. That is why nobody can carry the state of a rate over to another kernel.
func TestBucketsAreNotGivenOut(t *testing.T) {
	k := loopback(t)
	apply(t, k, limiting(3))
	listed := func() string {
		text := nftCommand(t, "", "list", "set", "inet", "rempart", "rate")
		before, _, ok := strings.Cut(text, " expires ")
		if !ok {
			t.Fatalf("no element with an end in\n%s", text)
		}
		return before
	}
	if passed := passes(t, 1, "127.0.0.1:7001"); passed != 1 {
		t.Fatal("the first datagram did not pass")
	}
	full := listed()
	if passed := passes(t, 5, "127.0.0.1:7001"); passed != 2 {
		t.Fatalf("%d of 5 datagrams passed, want the 2 that are left", passed)
	}
	if empty := listed(); empty != full {
		t.Errorf("what is left in a bucket shows:\n%s\n%s", full, empty)
	}
	_, element, _ := strings.Cut(full, "elements = { ")
	nftCommand(t, "delete element inet rempart rate { 127.0.0.1 }\nadd element inet rempart rate { "+element+" }\n", "-f", "-")
	if passed := passes(t, 5, "127.0.0.1:7001"); passed != 3 {
		t.Errorf("%d of 5 datagrams passed an element that was put in again, want 3", passed)
	}
}

// TestForeignFlowsAreNotCounted: a flow that came over from another kernel is in the table of flows, and
// no limit knows of it, also when the element of its source was put in. What new flows find
// after a takeover is a limit that begins at zero.
func TestForeignFlowsAreNotCounted(t *testing.T) {
	k := loopback(t)
	apply(t, k, limiting(3))
	nftCommand(t, "add element inet rempart count { 127.0.0.1 ct count over 3 }\n", "-f", "-")
	for n := range 3 {
		flow := []string{"-I", "-p", "udp", "-s", "127.0.0.1", "-d", "127.0.0.1", "--sport", strconv.Itoa(1000 + n), "--dport", "7000", "--timeout", "600"}
		if out, err := exec.Command("conntrack", flow...).CombinedOutput(); err != nil {
			t.Fatalf("conntrack: %v\n%s", err, out)
		}
	}
	if passed := passes(t, 5, "127.0.0.1:7000"); passed != 3 {
		t.Errorf("%d of 5 new flows passed beside 3 foreign ones and a limit of 3, want 3", passed)
	}
	elements, err := k.Elements(t.Context(), "count")
	if err != nil || len(elements) != 1 || elements[0].Key[0] != Address(netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("the set has %v, %v", elements, err)
	}
}
