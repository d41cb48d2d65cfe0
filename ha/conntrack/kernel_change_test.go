package conntrack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// create has the kernel create the sample, and its master before it.
func (k *kernel) create(s sample) {
	k.t.Helper()
	if s.needs != nil {
		k.create(*s.needs)
	}
	k.must("create "+s.name, AppendCreate(nil, 1, &s.flow, &s.extra, 600))
}

// sampleOf is the sample with the name.
func sampleOf(t testing.TB, name string) sample {
	t.Helper()
	for _, s := range samples() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no sample %q", name)
	return sample{}
}

func TestKernelHasTheExpectation(t *testing.T) {
	k := openKernel(t)
	s := expected()
	k.create(s)
	shown, ok := k.all(KindExpect)[s.flow.Key]
	if !ok {
		t.Fatalf("not among %v", k.all(KindExpect))
	}
	for _, got := range []Message{shown, k.ask(s.flow.Key)} {
		// The helper has its own timeout for the class; mask and translation of the protocol's number are the kernel's.
		if got.Flow.Timeout == 0 || got.Flow.Timeout != got.Extra.Expects.Timeout {
			t.Errorf("%d s and %d s are left", got.Flow.Timeout, got.Extra.Expects.Timeout)
		}
		got.Flow.Timeout, got.Extra.Expects.Timeout = 0, 0
		if diff := cmp.Diff(s.flow, got.Flow); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(s.extra, got.Extra); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	k.refuses("create again", AppendCreate(nil, 2, &s.flow, &s.extra, 600), unix.EEXIST)
	k.must("timeout", AppendTimeout(nil, 2, &s.flow.Key, 5000))
	if left := k.ask(s.flow.Key).Flow.Timeout; left < 4900 {
		t.Errorf("%d s are left of 5000", left)
	}
	k.must("update", AppendUpdate(nil, 2, &s.flow, &s.extra, 7000))
	if left := k.ask(s.flow.Key).Flow.Timeout; left < 6900 {
		t.Errorf("%d s are left of 7000", left)
	}
	k.must("end", AppendEnd(nil, 3, &s.flow.Key))
	k.refuses("ask", AppendAsk(nil, 4, &s.flow.Key), unix.ENOENT)
}

func TestKernelEndsFlows(t *testing.T) {
	k := openKernel(t)
	for _, s := range samples() {
		if s.name == "dccp" {
			continue
		}
		k.create(s)
		k.must("end "+s.name, AppendEnd(nil, 2, &s.flow.Key))
		if s.needs != nil {
			k.must("end its master", AppendEnd(nil, 2, &s.needs.flow.Key))
		}
		k.refuses("ask for "+s.name, AppendAsk(nil, 3, &s.flow.Key), unix.ENOENT)
		k.refuses("end "+s.name+" again", AppendEnd(nil, 4, &s.flow.Key), unix.ENOENT)
	}
	if left := k.all(KindFlow); len(left) != 0 {
		t.Errorf("there are still %v", left)
	}
}

func TestKernelUpdatesFlows(t *testing.T) {
	k := openKernel(t)
	k.labelled()
	master := sampleOf(t, "helper")
	k.create(master)
	for _, s := range samples() {
		switch s.name {
		case "dccp", "offloaded":
			continue
		case "helper":
		default:
			k.must("create "+s.name, AppendCreate(nil, 1, &s.flow, &s.extra, 600))
		}
		changed := s
		changed.flow.Mark += 77
		changed.flow.Status |= SeenReply | Assured
		changed.extra.Labels[3] |= 4
		if s.flow.State != 0 {
			changed.flow.State++
		}
		if s.flow.Proto == TCP {
			changed.flow.Flags, changed.flow.Scale = [2]TCPFlags{WindowScale, WindowScale | SACK}, [2]uint8{3, 4}
		}
		if s.extra.Adjust != ([2]Adjust{}) {
			changed.extra.Adjust[1].Pos += 100
		}
		if s.extra.Proxy != (Proxy{}) {
			changed.extra.Proxy.Offset += 100
		}
		k.must("update "+s.name, AppendUpdate(nil, 2, &changed.flow, &changed.extra, 0))
		k.has(changed, k.ask(s.flow.Key))
		k.must("update "+s.name, AppendUpdate(nil, 2, &changed.flow, nil, 9000))
		if left := k.ask(s.flow.Key).Flow.Timeout; left < 8900 {
			t.Errorf("%s: %d s are left of 9000", s.name, left)
		}
	}
}

// TestKernelRefusals are those that flow sync has to reckon with.
func TestKernelRefusals(t *testing.T) {
	k := openKernel(t)
	office, child := sampleOf(t, "as port").flow, sampleOf(t, "child")
	k.refuses("update what is not there", AppendUpdate(nil, 1, &office, nil, 0), unix.ENOENT)
	k.refuses("create without master", AppendCreate(nil, 1, &child.flow, &child.extra, 600), unix.ENOENT)
	e := expected()
	k.refuses("expect without master", AppendCreate(nil, 1, &e.flow, &e.extra, 600), unix.ENOENT)
	k.must("create", AppendCreate(nil, 1, &office, nil, 600))
	k.refuses("create again", AppendCreate(nil, 2, &office, nil, 600), unix.EEXIST)
	taken := office
	taken.Orig.SrcPort++
	k.refuses("create another with its reply", AppendCreate(nil, 3, &taken, nil, 600), unix.EEXIST)
	answers := k.do(AppendAskReply(nil, 4, &taken.Key, &taken.Reply))
	if len(answers) != 1 || !answers[0].Flow.Same(&office) {
		t.Errorf("the reply is taken by %+v, not by %v", answers, office)
	}
	free := taken.Reply
	free.DstPort++
	k.refuses("ask for a reply that nobody has", AppendAskReply(nil, 5, &taken.Key, &free), unix.ENOENT)
	unanswered := office
	unanswered.Status &^= SeenReply | Assured
	k.refuses("take the answer back", AppendUpdate(nil, 6, &unanswered, nil, 0), unix.EBUSY)
	related := office
	related.Status |= Expected
	k.refuses("make it a child", AppendUpdate(nil, 6, &related, nil, 0), unix.EBUSY)
	unknown := Extra{Helper: named[[16]byte]("nobody")}
	k.refuses("create with a helper that is not there", AppendCreate(nil, 7, &taken, &unknown, 600), unix.EOPNOTSUPP)
	if got := k.all(KindFlow); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
}

// TestKernelChoosesNoOtherPort is about a flow that is translated at its destination alone, to where another flow of its sender goes
// already. The kernel must not take another port at its source for that: whoever sends would not know.
func TestKernelChoosesNoOtherPort(t *testing.T) {
	for _, tc := range []struct {
		name              string
		direct, forwarded Flow
	}{
		{"udp", between(UDP, "10.1.2.9:4000", "10.2.0.4:53"), between(UDP, "10.1.2.9:4000", "203.0.113.2:53").to("10.2.0.4", 0)},
		{"ping", pinging(ICMP, 8, 77, "10.1.2.9", "10.2.0.4"), pinging(ICMP, 8, 77, "10.1.2.9", "203.0.113.2").to("10.2.0.4", 0)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := openKernel(t)
			k.must("create", AppendCreate(nil, 1, &tc.direct, nil, 600))
			k.refuses("create another with its reply", AppendCreate(nil, 2, &tc.forwarded, nil, 600), unix.EEXIST)
		})
	}
}

// TestKernelSettlesHalves is about a ping that is translated at both ends. While the kernel settles its destination, the tuple that it
// has by then is that of another ping. It must not take another ID for that.
func TestKernelSettlesHalves(t *testing.T) {
	k := openKernel(t)
	other := sample{name: "other", flow: pinging(ICMP, 8, 77, "10.1.2.9", "203.0.113.3").to("10.2.0.4", 0)}
	both := sample{name: "both", flow: pinging(ICMP, 8, 77, "10.1.2.9", "203.0.113.2").as("10.2.0.1", 0).to("10.2.0.4", 0)}
	alone := sample{name: "alone", flow: pinging(ICMP, 8, 77, "10.1.2.9", "10.2.0.4").as("10.2.0.2", 0)}
	for _, s := range []sample{other, both, alone} {
		k.create(s)
		k.has(s, k.ask(s.flow.Key))
	}
}

// TestKernelForgetsLabels says why the ruleset must be there before the flows.
func TestKernelForgetsLabels(t *testing.T) {
	k := openKernel(t)
	s := sampleOf(t, "labels")
	k.create(s)
	if got := k.ask(s.flow.Key); got.Has&HasLabels != 0 {
		t.Errorf("labels %x without a ruleset that has some", got.Extra.Labels)
	}
}

// TestKernelHasTheExpectationOfAZone finds it by its key, which has the zone, although the kernel does not tell it.
func TestKernelHasTheExpectationOfAZone(t *testing.T) {
	k := openKernel(t)
	s := expected()
	s.needs.flow.Zone, s.flow.Zone, s.extra.Master.Zone = 5, 5, 5
	k.create(s)
	if zone := k.ask(s.flow.Key).Flow.Zone; zone != 0 {
		t.Errorf("this kernel tells the zone %d: Key.Zone may be relied upon", zone)
	}
	elsewhere := s.flow.Key
	elsewhere.Zone = 0
	k.refuses("ask in another zone", AppendAsk(nil, 2, &elsewhere), unix.ENOENT)
	k.must("end", AppendEnd(nil, 3, &s.flow.Key))
}

func TestKernelWalksByFamily(t *testing.T) {
	k := openKernel(t)
	count := map[uint8]int{}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6", "icmpv6"} {
		s := sampleOf(t, name)
		k.create(s)
		count[s.flow.Family]++
		count[0]++
	}
	for family, want := range count {
		all := k.do(AppendWalk(nil, 9, KindFlow, family))
		if len(all) != want+1 || all[want].Event != Done || all[want].Seq != 9 {
			t.Fatalf("family %d: %d messages, the last %+v", family, len(all), all[len(all)-1])
		}
		for _, m := range all[:want] {
			if m.Event != Update || m.Seq != 9 || family != 0 && m.Flow.Family != family {
				t.Errorf("family %d: %+v", family, m)
			}
		}
	}
	if all := k.do(AppendWalk(nil, 9, KindExpect, 0)); len(all) != 1 || all[0].Event != Done {
		t.Errorf("expectations: %+v", all)
	}
}

func TestKernelTimesOut(t *testing.T) {
	k := openKernel(t)
	s := sampleOf(t, "both6")
	k.create(s)
	for _, seconds := range []uint32{1000, 432000, 30} {
		k.must("timeout", AppendTimeout(nil, 1, &s.flow.Key, seconds))
		got := k.ask(s.flow.Key)
		if left := got.Flow.Timeout; left > seconds || left < seconds-20 {
			t.Errorf("%d s are left of %d", left, seconds)
		}
		if !got.Flow.Same(&s.flow) {
			t.Errorf("it became %v", got.Flow)
		}
	}
	k.must("timeout", AppendTimeout(nil, 1, &s.flow.Key, 0))
	if left := k.ask(s.flow.Key).Flow.Timeout; left > 30 || left < 10 {
		t.Errorf("zero changed 30 s to %d s", left)
	}
}

func TestKernelTightens(t *testing.T) {
	k := openKernel(t)
	s := sampleOf(t, "as port")
	k.create(s)
	before := k.ask(s.flow.Key)
	if before.Flow.Flags[0]&before.Flow.Flags[1]&Liberal == 0 {
		t.Fatalf("created with flags %#x", before.Flow.Flags)
	}
	k.must("tighten", AppendTighten(nil, 1, &s.flow.Key))
	after := k.ask(s.flow.Key)
	want := before.Flow
	want.Flags[0] &^= Liberal
	want.Flags[1] &^= Liberal
	want.Timeout = after.Flow.Timeout
	if diff := cmp.Diff(want, after.Flow); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	udp := sampleOf(t, "udp")
	k.create(udp)
	k.must("tighten what has no windows", AppendTighten(nil, 2, &udp.flow.Key))
}
