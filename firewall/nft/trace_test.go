package nft

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// appendTrace writes an event as the kernel does.
func appendTrace(w *wire, t traced) {
	e := t.event
	w.begin(unix.NFT_MSG_TRACE, 0, 0)
	w.text(unix.NFTA_TRACE_TABLE, e.Table)
	w.text(unix.NFTA_TRACE_CHAIN, e.Chain)
	if e.Handle != 0 {
		w.uint64(unix.NFTA_TRACE_RULE_HANDLE, e.Handle)
	}
	w.uint32(unix.NFTA_TRACE_TYPE, uint32(e.Kind))
	if e.Kind == TracePolicy {
		w.uint32(unix.NFTA_TRACE_POLICY, policyNumber(e.Verdict))
	} else {
		at := w.nest(unix.NFTA_TRACE_VERDICT)
		w.uint32(unix.NFTA_VERDICT_CODE, uint32(e.Verdict.code()))
		if e.Verdict.Chain != "" {
			w.text(unix.NFTA_VERDICT_CHAIN, e.Verdict.Chain)
		}
		w.close(at)
	}
	w.uint32(unix.NFTA_TRACE_ID, e.Packet)
	for kind, header := range map[uint16][]byte{unix.NFTA_TRACE_NETWORK_HEADER: e.Network, unix.NFTA_TRACE_TRANSPORT_HEADER: e.Transport} {
		if header != nil {
			w.bytes(kind, header)
		}
	}
	for kind, n := range map[uint16]uint32{unix.NFTA_TRACE_IIF: t.in, unix.NFTA_TRACE_OIF: t.out, unix.NFTA_TRACE_MARK: e.Mark} {
		if n != 0 {
			w.uint32(kind, n)
		}
	}
	w.end()
}

// traceCases are events of all kinds.
func traceCases() []traced {
	header := []byte{0x45, 0, 0, 60, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 1, 2, 9, 198, 51, 100, 7}
	event := func(kind TraceKind, handle uint64, v Verdict) traced {
		return traced{event: TraceEvent{Packet: 0xdeadbeef, Kind: kind, Family: "inet", Table: "rempart", Chain: "forward", Handle: handle, Verdict: v}}
	}
	headed := event(TraceRule, 4, Verdict{})
	headed.event.Network, headed.event.Transport, headed.event.Mark = header, []byte{1, 2, 3, 4, 5}, 7
	headed.in, headed.out = 3, 1<<20
	return []traced{
		headed,
		event(TraceRule, 1<<40, jump("forward_lan")),
		event(TraceRule, 5, Verdict{Kind: Goto, Chain: "rule_web"}),
		event(TraceRule, 6, accept),
		event(TraceRule, 7, drop),
		event(TraceReturn, 8, Verdict{Kind: Return}),
		event(TraceReturn, 9, Verdict{}),
		event(TracePolicy, 0, accept),
		event(TracePolicy, 0, drop),
	}
}

func traceMessage(t traced) []byte {
	var w wire
	appendTrace(&w, t)
	return w.buf[headerLen:]
}

func TestTraceReadsAsWritten(t *testing.T) {
	for _, want := range traceCases() {
		got, err := decodeTrace(traceMessage(want))
		if err != nil {
			t.Errorf("%+v: %v", want, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(traced{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestTraceTruncated(t *testing.T) {
	for _, c := range traceCases() {
		m := traceMessage(c)
		whole := map[int]bool{}
		for at := nfHeaderLen; at < len(m); at += (int(m[at]) + 3) &^ 3 {
			whole[at], whole[at+int(m[at])] = true, true
		}
		for n := range len(m) {
			if _, err := decodeTrace(m[:n]); err == nil && !whole[n] && (n+3)&^3 != n && !whole[(n+3)&^3] {
				t.Errorf("cut to %d of %d bytes: no fault", n, len(m))
			}
		}
	}
}

func TestTraceMalformed(t *testing.T) {
	head := []byte{familyInet, 0, 0, 0}
	for name, attributes := range map[string][]byte{
		"handle of 4 bytes":  {8, 0, unix.NFTA_TRACE_RULE_HANDLE, 0, 0, 0, 0, 1},
		"kind of 2 bytes":    {6, 0, unix.NFTA_TRACE_TYPE, 0, 0, 1, 0, 0},
		"verdict of rubbish": {8, 0, unix.NFTA_TRACE_VERDICT, 0x80, 200, 0, 1, 0},
		"device of 8 bytes":  {12, 0, unix.NFTA_TRACE_IIF, 0, 0, 0, 0, 0, 0, 0, 0, 1},
		"length beyond end":  {9, 0, unix.NFTA_TRACE_ID, 0, 0, 0, 0, 1},
	} {
		if got, err := decodeTrace(slices.Concat(head, attributes)); err == nil {
			t.Errorf("%s: no fault, but %+v", name, got)
		}
	}
}

func TestVerdictNumbers(t *testing.T) {
	for code, want := range map[uint32]VerdictKind{
		0: Drop, 1: Accept, 2: Stolen, 3: Queue, 0x00070003: Queue, 0x00160000: Drop, 4: 0, 5: 0,
		0xffffffff: 0, 0xfffffffe: 0, 0xfffffffd: Jump, 0xfffffffc: Goto, 0xfffffffb: Return, 0xfffffffa: 0,
	} {
		if got := verdictKind(code); got != want {
			t.Errorf("verdict %#x is %v, want %v", code, Verdict{Kind: got}, Verdict{Kind: want})
		}
	}
}

// marking is a table that traces all that leaves.
func marking(name string) Ruleset {
	return Ruleset{Table: Table{Name: name}, Chains: []Chain{
		{Name: "mark", Hook: &Hook{Type: "filter", Point: "output", Priority: -400}, Rules: []Rule{rule(SetTrace{})}},
	}}
}

// A packet is told rule by rule, and handles lead back to the rules.
func TestTrace(t *testing.T) {
	namespace(t)
	loopbackUp(t)
	k := Open("rempart")
	apply(t, k, Ruleset{Table: Table{Name: "rempart"}, Counters: []string{"n"}, Chains: []Chain{
		{Name: "output", Hook: &Hook{Type: "filter", Point: "output"}, Rules: []Rule{
			{Exprs: []Expr{is(UDPDport, port(53)), drop}, Comment: "other"},
			{Exprs: []Expr{is(UDPDport, port(9)), jump("inner")}, Comment: "first"},
		}},
		{Name: "inner", Rules: []Rule{
			{Exprs: []Expr{Count{Counter: "n"}}},
			{Exprs: []Expr{Verdict{Kind: Return}}, Comment: "back"},
		}},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ready, events, done := make(chan struct{}), make(chan TraceEvent, 100), make(chan error, 1)
	ns := k.In(currentNamespace(t))
	go func() { done <- ns.Trace(ctx, func() { close(ready) }, func(e TraceEvent) { events <- e }) }()
	<-ready
	held, err := ns.Hold(ctx, marking("rempart_trace"))
	if err != nil {
		t.Fatal(err)
	}
	if text := nftCommand(t, "", "list", "table", "inet", "rempart_trace"); !strings.Contains(text, "flags owner") || !strings.Contains(text, "meta nftrace set 1") {
		t.Errorf("held table:\n%s", text)
	}
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	handles, err := ns.Handles(ctx)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[uint64]string{}
	for _, h := range handles {
		comments[h.Handle] = h.Chain + "/" + h.Comment
	}
	var got []string
	for len(got) < 8 {
		var e TraceEvent
		select {
		case e = <-events:
		case <-ctx.Done():
			t.Fatalf("no more than %q", got)
		}
		line := e.Table + " " + e.Chain + " " + e.Kind.String() + " " + e.Verdict.String()
		if e.Table == "rempart" && e.Handle != 0 {
			line += " " + comments[e.Handle]
		}
		if e.Network != nil {
			line += " out " + e.Out
		}
		got = append(got, line)
	}
	want := []string{
		"rempart_trace mark rule continue out lo", "rempart_trace mark return continue", "rempart_trace mark policy accept",
		"rempart output rule jump inner output/first out lo", "rempart inner rule continue inner/",
		"rempart inner rule return inner/back", "rempart output return continue", "rempart output policy accept",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	if text := nftCommand(t, "", "list", "tables"); strings.Contains(text, "rempart_trace") {
		t.Errorf("the table stays:\n%s", text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func loopbackUp(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestRuleReadsAsWritten(t *testing.T) {
	op := AddRule{Table: "rempart", Chain: "forward_lan", Rule: Rule{Exprs: []Expr{is(TCPDport, port(22)), accept}, Comment: "lan-out"}}
	table, got, err := decodeRule(messages(t, Batch{op})[subsystem|unix.NFT_MSG_NEWRULE][0])
	if want := (RuleHandle{Chain: "forward_lan", Comment: "lan-out"}); table != "rempart" || got != want || err != nil {
		t.Errorf("%s %+v, %v, want %+v", table, got, err, want)
	}
}
