package flows

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inverse is the tuple of the answers where nothing is translated.
func inverse(t Tuple) Tuple {
	t.Src, t.Dst = t.Dst, t.Src
	switch t.Proto {
	case ProtoICMP:
		t.ICMP.Type = 0
	case ProtoICMPv6:
		t.ICMP.Type = 129
	}
	return t
}

// put makes flows of the given tuples, marks and zones in the kernel and returns them as it lists them.
func put(t *testing.T, k *Kernel, flows []Flow) []Flow {
	t.Helper()
	create := func(b []byte, h header, i int) []byte {
		f := Flow{Orig: flows[i].Orig, Reply: inverse(flows[i].Orig), Zone: flows[i].Zone, Mark: flows[i].Mark}
		f.Status, f.Timeout = Confirmed|SeenReply, 600*time.Second
		h.flags |= unix.NLM_F_CREATE | unix.NLM_F_EXCL
		h.kind = msgNew
		return entry(b, h, f)
	}
	if done, err := k.each(t.Context(), len(flows), func(i int) Flow { return flows[i] }, create); done != len(flows) || err != nil {
		t.Fatalf("made %d flows of %d: %v", done, len(flows), err)
	}
	return listed(t, k, len(flows), "")
}

// TestKernelKnowsEveryKind marks and ends a flow of each kind, over IPv4 and IPv6 and in a zone, and no other one.
func TestKernelKnowsEveryKind(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	wanted := slices.Collect(maps.Values(kinds()))
	for i := range wanted {
		wanted[i].Mark = 0x0a0b0c0d
	}
	all := put(t, k, wanted)
	for i, f := range all {
		if n, err := k.Remark(t.Context(), []Marked{{f, GatewayBits(uint8(i + 1))}}); n != 1 || err != nil {
			t.Errorf("%v: changed %d, %v", f, n, err)
		}
	}
	for i, f := range all {
		left := listed(t, k, len(all)-i, "")
		at := slices.IndexFunc(left, func(x Flow) bool { return x.ID == f.ID })
		if at < 0 || left[at].Mark != 0x0a000c0d|uint32(i+1)<<GatewayShift || left[at].Timeout < 590*time.Second {
			t.Errorf("%v: the mark should name gateway %d: %v", f, i+1, left)
		}
		if n, err := k.End(t.Context(), []Flow{f}); n != 1 || err != nil {
			t.Errorf("%v: ended %d, %v", f, n, err)
		}
	}
	if n, err := k.Remark(t.Context(), []Marked{{all[0], GatewayBits(1)}}); n != 0 || err != nil {
		t.Errorf("a flow that is gone: changed %d, %v", n, err)
	}
	listed(t, k, 0, "")
}

// TestKernelMarksWhatTheMaskCovers holds what the kernel does with a value and a mask against Bits.On, which Fake goes by.
func TestKernelMarksWhatTheMaskCovers(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	flow := put(t, k, []Flow{{Orig: query().Orig, Mark: 0xa5a5a5a5}})[0]
	want := flow.Mark
	for _, bits := range []Bits{GatewayBits(3), RuleBits(9), {}, {0xffffffff, ClassMask}, {0, GatewayMask}, {0x12345678, 0xffffffff}} {
		want = bits.On(want)
		if n, err := k.Remark(t.Context(), []Marked{{flow, bits}}); n != 1 || err != nil {
			t.Errorf("%v: changed %d, %v", bits, n, err)
		}
		if got := listed(t, k, 1, "")[0].Mark; got != want {
			t.Errorf("%v: the mark is %#x, want %#x", bits, got, want)
		}
	}
}

// TestKernelMarksByTuple keeps what Table promises of flows whose tuple is used again, and of one flow among many.
func TestKernelMarksByTuple(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	all := put(t, k, []Flow{{Orig: query().Orig, Mark: 5}, {Orig: office().Orig, Mark: 5}, {Orig: query().Orig, Mark: 5, Zone: 3}})
	marked := []Marked{{all[0], GatewayBits(1)}, {all[1], GatewayBits(1)}, {all[2], GatewayBits(1)}}
	marked[0].Flow.ID++
	if n, err := k.Remark(t.Context(), marked); n != 3 || err != nil {
		t.Errorf("changed %d, %v, want 3: the kernel does not compare the ID", n, err)
	}
	listed(t, k, 3, "mark 0x10005")
	if n, err := k.Remark(t.Context(), []Marked{{Flow{ID: all[0].ID}, GatewayBits(1)}}); n != 0 || err == nil {
		t.Errorf("a flow without tuple: changed %d, %v", n, err)
	}
}

// TestKernelMarksTranslatedFlows marks flows that the kernel made and translates, which it refuses to change in other ways.
func TestKernelMarksTranslatedFlows(t *testing.T) {
	k, _ := traffic(t)
	var marked []Marked
	for _, f := range listed(t, k, 5, "") {
		marked = append(marked, Marked{f, GatewayBits(9)})
	}
	if n, err := k.Remark(t.Context(), marked); n != 5 || err != nil {
		t.Errorf("changed %d, %v, want 5", n, err)
	}
	for _, f := range listed(t, k, 5, "gateway 9") {
		if f.Mark&^GatewayMask != Mark(17, 0, 3) && f.Mark&^GatewayMask != Mark(19, 0, 0) {
			t.Errorf("%v: other bits of the mark changed: %#x", f, f.Mark)
		}
	}
}

func TestKernelWalksOnceForSeveral(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	const n = 5000
	crowd(t, k, n)
	rule, gateway := Filter{Rules{17}}, Filter{Gateways{0}, Ports{{1000, 1000}}}
	byRule, byGateway := 0, 0
	err := k.Walk(t.Context(), Filter{Any{rule, gateway}}, func(f Flow) {
		if rule.Match(f) {
			byRule++
		}
		if gateway.Match(f) {
			byGateway++
		}
	})
	if byRule != n/10 || byGateway != n-n/10 || err != nil {
		t.Errorf("%d by rule and %d by gateway, %v", byRule, byGateway, err)
	}
}

// TestKernelComparesWhatItIsTold counts what the kernel sends for a hint, without the filter that comes after it.
func TestKernelComparesWhatItIsTold(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	put(t, k, []Flow{
		{Orig: query().Orig, Mark: Mark(17, 2, 0)},
		{Orig: office().Orig, Mark: Mark(18, 3, 0)},
		{Orig: ping().Orig, Mark: Mark(18, 0, 0)},
	})
	for _, tc := range []struct {
		what string
		hint hint
		want int
	}{
		{"nothing", hint{}, 3},
		{"a rule", Filter{Rules{18}}.hint(), 2},
		{"a gateway", Filter{Gateways{3}}.hint(), 1},
		{"gateways", Filter{Gateways{2, 3}}.hint(), 2},
		{"a family", hint{family: familyIPv6}, 1},
		{"a family and a rule", hint{family: familyIPv4, mark: RuleBits(18)}, 1},
		{"a status", hint{status: Bits{uint32(SeenReply), uint32(SeenReply)}}, 3},
		{"another status", hint{status: Bits{uint32(Assured), uint32(Assured)}}, 0},
		{"a status that is missing", hint{status: Bits{0, uint32(SeenReply)}}, 0},
	} {
		if got := sent(t, k, tc.hint); got != tc.want {
			t.Errorf("%s: the kernel sent %d flows, want %d", tc.what, got, tc.want)
		}
	}
}

func sent(t *testing.T, k *Kernel, which hint) (flows int) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seq++
	if err := k.send(appendList(nil, header{seq: k.seq}, which)); err != nil {
		t.Fatal(err)
	}
	w := walker{seq: k.seq, stopped: t.Context().Err, fn: func(Flow) { flows++ }}
	if err := k.answers(w.take); err != nil {
		t.Fatal(err)
	}
	return flows
}

// TestKernelGoesOnAfterARefusal has one flow among many that the kernel does not take for one.
func TestKernelGoesOnAfterARefusal(t *testing.T) {
	gw, _ := namespaces(t)
	k := openIn(t, gw)
	crowd(t, k, 3*batchLen)
	all := listed(t, k, 3*batchLen, "")
	odd := Flow{Orig: ping().Orig}
	odd.Orig.ICMP.Type = 200 // no flow begins so
	all = slices.Insert(all, batchLen+5, odd, odd)
	if n, err := k.End(t.Context(), all); n != 3*batchLen || !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "type 200") {
		t.Errorf("ended %d, %v, want %d", n, err, 3*batchLen)
	}
	listed(t, k, 0, "")
}
