package nft

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	rtnl "github.com/vishvananda/netlink"
)

// loopback is a namespace whose loopback device is up.
func loopback(t *testing.T) *Netlink {
	t.Helper()
	namespace(t)
	lo, err := rtnl.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := rtnl.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	return Open("rempart")
}

func datagramTo(t *testing.T, to string) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write([]byte("x")) // nobody listens
}

// A rule gives a new flow its helper, and the kernel takes it away with the flow alone.
func TestFlowsGetTheirHelper(t *testing.T) {
	k := loopback(t)
	want := Ruleset{
		Table: Table{"rempart"}, Helpers: []Helper{{"loads", "tftp", protoUDP}, {"calls", "sip", protoUDP}},
		Chains: []Chain{filter("out", Output, 0, accept, rule(is(UDPDport, port(69)), SetHelper{"loads"}), rule(is(UDPDport, port(5070)), SetHelper{"calls"}))},
	}
	apply(t, k, want)
	for _, to := range []string{"127.0.0.1:69", "127.0.0.1:5070", "127.0.0.1:70"} {
		datagramTo(t, to)
	}
	out, err := exec.Command("conntrack", "-L", "-p", "udp").Output()
	if err != nil {
		t.Fatal(err)
	}
	for port, helper := range map[string]string{" dport=69 ": "helper=tftp", " dport=5070 ": "helper=sip", " dport=70 ": ""} {
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, port) && (helper == "" && strings.Contains(line, "helper=") || !strings.Contains(line, helper)) {
				t.Errorf("want %q in %s", helper, line)
			}
		}
		if !strings.Contains(string(out), port) {
			t.Errorf("no flow with%s in\n%s", port, out)
		}
	}
}

// What a rule counts by direction is listed, and nft reads the list.
func TestCountsByDirectionReload(t *testing.T) {
	k := loopback(t)
	want := Ruleset{
		Table: Table{"rempart"}, Counters: []string{"over"},
		Sets: []Set{{Name: "total", Key: []Type{TypeDirection}, Dynamic: true, Size: 2}},
		Chains: []Chain{filter("out", Output, 0, accept,
			rule(CTState{States: StateNew}, DynSet{Set: "total", Fields: []Field{CTDirection}, Stmt: ConnLimit{Over: 2}}, Count{"over"}))},
	}
	apply(t, k, want)
	for _, to := range []string{"127.0.0.1:1001", "127.0.0.1:1002", "127.0.0.1:1003", "127.0.0.1:1004"} {
		datagramTo(t, to)
	}
	counters, err := k.Counters(t.Context())
	if err != nil || counters["over"].Packets != 2 {
		t.Errorf("counted %v, %v: want 2 over", counters, err)
	}
	elements, err := k.Elements(t.Context(), "total")
	if err != nil || len(elements) != 1 || elements[0].Key[0] != Number(TypeDirection, 0) {
		t.Errorf("elements %v, %v: want the original direction", elements, err)
	}
	listed := nftCommand(t, "", "list", "table", "inet", "rempart")
	sameText(t, "with what rules put in", want.String(), listed)
	nftCommand(t, "", "flush", "ruleset")
	nftCommand(t, listed, "-f", "-")
	if again := nftCommand(t, "", "list", "set", "inet", "rempart", "total"); !strings.Contains(again, "original ct count over 2") {
		t.Errorf("nft reads back\n%s", again)
	}
}

// A thousand tuples go into a dynamic set in one commit of a known generation, and no
// plan touches them. Their time runs, and to add one again is no fault.
func TestTuplesAreAddedAtRunTime(t *testing.T) {
	for name, addr := range map[string]netip.Addr{"reset4": netip.MustParseAddr("192.0.2.0"), "reset6": netip.MustParseAddr("2001:db8::")} {
		t.Run(name, func(t *testing.T) {
			k := loopback(t)
			ctx := t.Context()
			want := caseRuleset(ruleCases())
			apply(t, k, want)
			s, _ := want.State().set(name)
			tuples := tuplesFrom(addr, 1000)
			before := generationNow(t, k)
			start := time.Now()
			if err := k.Commit(ctx, Batch{AddElements{"rempart", s, tuples}}, before); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d tuples in %v", len(tuples), time.Since(start))
			if after := generationNow(t, k); after != before+1 {
				t.Errorf("the generation went from %d to %d", before, after)
			}
			got, err := k.Elements(ctx, name)
			if err != nil || len(got) != len(tuples) || got[0].Expires <= 0 || got[0].Expires > 30*time.Second || got[0].Timeout != 30*time.Second {
				t.Fatalf("%d elements, the first %+v, %v", len(got), got[0], err)
			}
			if b := Plan(want.State(), want); len(b) != 0 {
				t.Errorf("Plan of what is there: %.500s", b)
			}
			want.Chains[0].Rules = append(want.Chains[0].Rules, rule(accept))
			apply(t, k, want) // a switch of all rules
			if got, err = k.Elements(ctx, name); err != nil || len(got) != len(tuples) {
				t.Errorf("%d elements after a switch, %v", len(got), err)
			}
			if err := k.Commit(ctx, Batch{AddElements{"rempart", s, tuples}}, 0); err != nil {
				t.Errorf("adding what is there: %v", err)
			}
		})
	}
}

// tuplesFrom are elements of source, port, destination and port that leave after half a minute.
func tuplesFrom(a netip.Addr, n int) []Element {
	var out []Element
	for i := range uint32(n) {
		out = append(out, Element{
			Key:     []Value{Address(a), port(1024 + i%3), Address(a.Next()), port(443)},
			Timeout: 30 * time.Second,
		})
		if i%3 == 2 {
			a = a.Next()
		}
	}
	return out
}
