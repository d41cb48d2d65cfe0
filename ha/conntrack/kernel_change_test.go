package conntrack

import (
	"math/rand/v2"
	"net/netip"
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

// TestKernelHasRandomFlows creates flows of any kind at random, walks, and compares.
func TestKernelHasRandomFlows(t *testing.T) {
	k := openKernel(t)
	k.labelled()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	made := map[Key]sample{}
	taken := map[Tuple]bool{}
	var batch []byte
	for len(made) < 500 {
		s := randomSample(r)
		if taken[s.flow.Orig] || taken[s.flow.Reply] {
			continue
		}
		taken[s.flow.Orig], taken[s.flow.Reply] = true, true
		made[s.flow.Key] = s
		batch = AppendCreate(batch, uint32(len(made)), &s.flow, &s.extra, 600)
	}
	k.must("create", batch)
	found := k.all(KindFlow)
	for key, s := range made {
		got, ok := found[key]
		if !ok {
			t.Errorf("%v is not in the table", s.flow)
			continue
		}
		k.has(s, got)
	}
	if len(found) != len(made) {
		t.Errorf("%d flows, not %d", len(found), len(made))
	}
	batch = batch[:0]
	for key := range made {
		batch = AppendEnd(batch, 1, &key)
	}
	k.must("end", batch)
	if left := k.all(KindFlow); len(left) != 0 {
		t.Errorf("%d flows are left", len(left))
	}
}

// randomSample is a flow as conntrack may have it.
func randomSample(r *rand.Rand) sample {
	family := []uint8{IPv4, IPv6}[r.IntN(2)]
	proto := []uint8{TCP, TCP, UDP, UDP, ICMP, GRE, SCTP, 50, 255}[r.IntN(9)]
	if proto == ICMP && family == IPv6 {
		proto = ICMPv6
	}
	f := Flow{Key: Key{Family: family, Proto: proto}, Status: Confirmed, Mark: r.Uint32() >> r.IntN(33)}
	f.Orig = Tuple{Src: randomAddr(r, family), Dst: randomAddr(r, family), SrcPort: uint16(1 + r.IntN(65535)), DstPort: uint16(1 + r.IntN(65535))}
	if r.IntN(2) == 0 {
		f.Status |= SeenReply
		f.Status |= Assured * Status(r.IntN(2))
	}
	switch proto {
	case ICMP:
		f.Orig.DstPort = []uint16{8, 13, 15, 17}[r.IntN(4)]<<8 | uint16(r.IntN(16))
	case ICMPv6:
		f.Orig.DstPort = []uint16{128, 139}[r.IntN(2)]<<8 | uint16(r.IntN(16))
	case 50, 255:
		f.Orig.SrcPort, f.Orig.DstPort = 0, 0
	}
	f.Reply = f.Orig.Inverse(family, proto)
	randomTranslation(r, &f)
	s := sample{name: f.String(), flow: f}
	randomDetail(r, &s)
	s.name = s.flow.String()
	return s
}

// randomTranslation translates source, destination, both or none, with ports where the protocol lets them be translated: the keys of GRE
// are only those of PPTP, whose master is not known when a flow is created.
func randomTranslation(r *rand.Rand, f *Flow) {
	port := func() uint16 {
		if f.Proto == GRE || f.Proto == 50 || f.Proto == 255 || r.IntN(2) == 0 {
			return 0
		}
		return uint16(1 + r.IntN(65535))
	}
	if r.IntN(2) == 0 {
		*f = f.as(AddrOf(f.Family, randomAddr(r, f.Family)).String(), port())
	}
	if r.IntN(2) == 0 {
		to := port()
		if f.Proto == ICMP || f.Proto == ICMPv6 {
			to = 0
		}
		*f = f.to(AddrOf(f.Family, randomAddr(r, f.Family)).String(), to)
	}
}

func randomDetail(r *rand.Rand, s *sample) {
	f, x := &s.flow, &s.extra
	switch f.Proto {
	case TCP:
		f.State = State(1 + r.IntN(9))
		f.Flags = [2]TCPFlags{TCPFlags(r.IntN(64)), TCPFlags(r.IntN(64))}
		if f.Flags[0]&f.Flags[1]&WindowScale != 0 {
			f.Scale = [2]uint8{uint8(r.IntN(15)), uint8(r.IntN(15))}
		}
	case SCTP:
		f.State, x.VTag = State(1+r.IntN(7)), [2]uint32{r.Uint32(), r.Uint32()}
	}
	if r.IntN(4) == 0 {
		x.Labels[r.IntN(16)] = uint8(1 + r.IntN(255))
	}
	if r.IntN(4) == 0 {
		x.Adjust[r.IntN(2)] = Adjust{r.Uint32(), 1 + r.Uint32N(1e6), r.Uint32()}
		f.Status |= SeqAdjust
	}
	if r.IntN(4) == 0 {
		x.Proxy = Proxy{r.Uint32(), 1 + r.Uint32N(1e6), r.Uint32()}
	}
	switch r.IntN(6) {
	case 0:
		f.Zone = uint16(1 + r.IntN(65535))
	case 1:
		f.Zone = uint16(1 + r.IntN(65535))
		x.Zones[0] = f.Zone
	case 2:
		x.Zones[1] = uint16(1 + r.IntN(65535))
	}
}

func randomAddr(r *rand.Rand, family uint8) [16]byte {
	if family == IPv4 {
		return BytesOf(netip.AddrFrom4([4]byte{10, uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256))}))
	}
	a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	for i := 4; i < 16; i++ {
		a[i] = uint8(r.IntN(256))
	}
	return a
}
