package flowsync

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/ha/conntrack"
)

// fakeKernel has conntrack's manners as far as flow sync meets them.
type fakeKernel struct {
	flows    map[conntrack.Key]*fakeFlow
	replies  map[fakeReply]conntrack.Key
	most     int
	helpers  map[[16]byte]bool
	locals   map[[16]byte]bool
	timeouts conntrack.Timeouts
	all      bool                // NEW and UPDATE are heard
	events   []conntrack.Message // caused by packets and time
	mute     bool                // nf_conntrack_events is 0
	drops    bool                // what would be told is lost
	walking  []conntrack.Key
	jobs     int
	now      func() time.Time
}

type fakeFlow struct {
	flow  conntrack.Flow
	extra conntrack.Extra
	ends  time.Time
}

type fakeReply struct {
	reply  conntrack.Tuple
	zone   uint16
	family uint8
	proto  uint8
}

func newFakeKernel(now func() time.Time) *fakeKernel {
	k := &fakeKernel{
		flows: map[conntrack.Key]*fakeFlow{}, replies: map[fakeReply]conntrack.Key{}, most: 1 << 20,
		helpers: map[[16]byte]bool{{'f', 't', 'p'}: true}, locals: map[[16]byte]bool{}, now: now,
	}
	k.timeouts = conntrack.Timeouts{UDP: 30, UDPStream: 120, ICMP: 30, ICMPv6: 30, GRE: 30, GREStream: 180, Generic: 600}
	for s := range k.timeouts.TCP {
		k.timeouts.TCP[s] = 120
	}
	k.timeouts.TCP[conntrack.Established] = 432000
	return k
}

func replyOf(f *conntrack.Flow) fakeReply { return fakeReply{f.Reply, f.Zone, f.Family, f.Proto} }

// packet is a flow that packets made or changed.
func (k *fakeKernel) packet(f conntrack.Flow, x conntrack.Extra) {
	event := conntrack.Update
	if old := k.flows[f.Key]; old == nil {
		event = conntrack.New
	} else {
		delete(k.replies, replyOf(&old.flow))
	}
	k.flows[f.Key] = &fakeFlow{f, x, k.now().Add(time.Duration(k.timeouts.Of(&f)) * time.Second)}
	k.replies[replyOf(&f)] = f.Key
	m := conntrack.Message{Event: event, Flow: f, Extra: x, Has: conntrack.HasStatus | conntrack.HasTimeout | conntrack.HasMark | conntrack.HasProto}
	if x.Helper != [16]byte{} {
		m.Has |= conntrack.HasHelper
	}
	if event == conntrack.New && x.Master != (conntrack.Key{}) {
		m.Has |= conntrack.HasMaster
	}
	if k.all && !k.drops {
		k.events = append(k.events, m)
	}
}

// destroy is a flow that ended by itself.
func (k *fakeKernel) destroy(key conntrack.Key) {
	if f := k.flows[key]; f != nil {
		k.remove(key)
		if !k.drops {
			k.events = append(k.events, conntrack.Message{Event: conntrack.Destroy, Flow: f.flow})
		}
	}
}

func (k *fakeKernel) remove(key conntrack.Key) {
	delete(k.replies, replyOf(&k.flows[key].flow))
	delete(k.flows, key)
}

func (k *fakeKernel) Do(jobs []Job, answer func(int, syscall.Errno, *conntrack.Message)) error {
	for i := range jobs {
		k.jobs++
		errno, m := k.do(&jobs[i])
		if errno != 0 || m != nil {
			answer(i, errno, m)
		}
	}
	return nil
}

func (k *fakeKernel) do(j *Job) (syscall.Errno, *conntrack.Message) {
	there := k.flows[j.Flow.Key]
	if j.Op == Create {
		return k.create(j), nil
	}
	if j.Op == AskReply {
		if key, ok := k.replies[replyOf(&j.Flow)]; ok {
			return 0, k.tell(key)
		}
		return syscall.ENOENT, nil
	}
	if there == nil {
		return syscall.ENOENT, nil
	}
	switch j.Op {
	case Ask:
		return 0, k.tell(j.Flow.Key)
	case End:
		k.remove(j.Flow.Key)
	case Change:
		there.flow.Status |= j.Flow.Status
		there.flow.Mark, there.flow.State = j.Flow.Mark, j.Flow.State
		if j.Timeout > 0 {
			there.ends = k.now().Add(time.Duration(j.Timeout) * time.Second)
		}
	case Timeout:
		there.ends = k.now().Add(time.Duration(j.Timeout) * time.Second)
	case Tighten:
		there.flow.Flags[0] &^= conntrack.Liberal
		there.flow.Flags[1] &^= conntrack.Liberal
	}
	return 0, nil
}

func (k *fakeKernel) create(j *Job) syscall.Errno {
	if k.flows[j.Flow.Key] != nil {
		return syscall.EEXIST
	}
	if _, ok := k.replies[replyOf(&j.Flow)]; ok {
		return syscall.EEXIST
	}
	if len(k.flows) >= k.most {
		return syscall.ENOMEM
	}
	var x conntrack.Extra
	if j.Extra != nil {
		x = *j.Extra
	}
	if x.Helper != [16]byte{} && !k.helpers[x.Helper] {
		return syscall.EOPNOTSUPP
	}
	if x.Master != (conntrack.Key{}) && k.flows[x.Master] == nil {
		return syscall.ENOENT
	}
	k.flows[j.Flow.Key] = &fakeFlow{j.Flow, x, k.now().Add(time.Duration(j.Timeout) * time.Second)}
	k.replies[replyOf(&j.Flow)] = j.Flow.Key
	return 0
}

// tell is all there is of a flow, as a walk shows it.
func (k *fakeKernel) tell(key conntrack.Key) *conntrack.Message {
	f := k.flows[key]
	m := &conntrack.Message{Event: conntrack.Update, Flow: f.flow, Extra: f.extra, Has: ^conntrack.Has(0)}
	m.Flow.Timeout = uint32(max(0, f.ends.Sub(k.now()).Seconds()))
	return m
}

func (k *fakeKernel) Walk(kind conntrack.Kind, family uint8) error {
	k.walking = k.walking[:0]
	for key := range k.flows {
		if key.Kind == kind && (family == anyFamily || key.Family == family) {
			k.walking = append(k.walking, key)
		}
	}
	slices.SortFunc(k.walking, func(a, b conntrack.Key) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return nil
}

func (k *fakeKernel) ReadWalk(take func(*conntrack.Message)) (bool, error) {
	n := min(len(k.walking), 130)
	for _, key := range k.walking[:n] {
		if k.flows[key] != nil {
			take(k.tell(key))
		}
	}
	k.walking = k.walking[n:]
	return len(k.walking) == 0, nil
}

func (k *fakeKernel) Reports() bool                  { return !k.mute }
func (k *fakeKernel) Hear(all bool) error            { k.all = all; return nil }
func (k *fakeKernel) Local(_ uint8, a [16]byte) bool { return k.locals[a] }
func (k *fakeKernel) Timeouts() *conntrack.Timeouts  { return &k.timeouts }
func (k *fakeKernel) Count() (now, most uint32)      { return uint32(len(k.flows)), uint32(k.most) }

// world is two engines, a cable between them and one clock.
type world struct {
	t     *testing.T
	now   time.Time
	rand  *rand.Rand
	nodes [2]*worldNode
	air   []flying
	// What befalls a frame: in percent, and for how long it may be under way.
	drop, double int
	delay        time.Duration
	cut          bool
}

type worldNode struct {
	kernel *fakeKernel
	engine *Engine
	next   time.Time
}

type flying struct {
	to    int
	at    time.Time
	frame []byte
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), rand: rand.New(rand.NewPCG(seed, 6)), delay: 100 * time.Microsecond}
	for i := range w.nodes {
		w.boot(i)
	}
	return w
}

// boot is a node whose program starts, with the kernel that it had.
func (w *world) boot(i int) {
	k := newFakeKernel(func() time.Time { return w.now })
	if w.nodes[i] != nil {
		k = w.nodes[i].kernel
	}
	n := &worldNode{kernel: k, next: w.now}
	n.engine = NewEngine(w.now, k, func(frame []byte) error { w.fly(1-i, frame); return nil }, hclog.NewNullLogger())
	w.nodes[i] = n
}

func (w *world) fly(to int, frame []byte) {
	if w.cut || w.rand.IntN(100) < w.drop {
		return
	}
	copies := 1
	if w.rand.IntN(100) < w.double {
		copies = 2
	}
	for range copies {
		late := time.Duration(w.rand.Int64N(int64(w.delay) + 1))
		w.air = append(w.air, flying{to, w.now.Add(50*time.Microsecond + late), slices.Clone(frame)})
	}
}

// targets are what two nodes are told whose sessions are a and b.
func (w *world) roles(speak ...bool) {
	for i, n := range w.nodes {
		n.engine.Set(w.now, Target{
			Device: "sync", Local: netip.MustParseAddr("10.0.0.1"), Peer: netip.MustParseAddr("10.0.0.2"), MTU: 1500,
			Secrets: [][32]byte{{1}}, Own: n.session(i), Theirs: w.nodes[1-i].session(1 - i),
			Speak: speak[i], PeerSpeaks: speak[1-i],
		})
		n.next = w.now
	}
}

func (n *worldNode) session(i int) uint64 { return uint64(n.engine.began.UnixNano()) + uint64(i) + 1 }

// run lets virtual time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for turns := 0; ; turns++ {
		if turns > 4_000_000 {
			w.t.Fatal("the engines do not come to rest")
		}
		at := end
		for _, n := range w.nodes {
			if len(n.kernel.events) > 0 {
				at = w.now
			}
			at = earlier(at, n.next)
		}
		for _, f := range w.air {
			at = earlier(at, f.at)
		}
		if at.After(w.now) {
			w.now = at
		}
		if !w.now.Before(end) && at.Equal(end) {
			return
		}
		for i, n := range w.nodes {
			w.feed(i, n)
			n.next = n.engine.Turn(w.now)
			if !n.next.After(w.now) {
				n.next = w.now.Add(5 * time.Microsecond)
			}
		}
	}
}

// feed gives a node what waits for it.
func (w *world) feed(i int, n *worldNode) {
	events := n.kernel.events
	n.kernel.events = nil
	for j := range events {
		n.engine.Event(w.now, &events[j])
	}
	kept := w.air[:0]
	var due []flying
	for _, f := range w.air {
		if f.to == i && !f.at.After(w.now) {
			due = append(due, f)
		} else {
			kept = append(kept, f)
		}
	}
	w.air = kept
	slices.SortStableFunc(due, func(a, b flying) int { return a.at.Compare(b.at) })
	for _, f := range due {
		n.engine.Frame(w.now, f.frame)
	}
}

// same checks that the second kernel has what the first one shares, and nothing else that is shared.
func (w *world) same(master int) {
	w.t.Helper()
	from, to := w.nodes[master].kernel, w.nodes[1-master].kernel
	missing, other, more := 0, 0, 0
	for key, f := range from.flows {
		if !Shared(&f.flow, from.Local) {
			continue
		}
		a := f.flow
		settle(&a)
		switch g := to.flows[key]; {
		case g == nil:
			missing++
		default:
			b := g.flow
			settle(&b)
			if a != b {
				other++
				if other < 4 {
					w.t.Errorf("%v\nbut there\n%v", a, b)
				}
			}
		}
	}
	for key, g := range to.flows {
		dies := g.ends.Sub(w.now) <= strayLeft*time.Second // of what packets made there
		if f := from.flows[key]; (f == nil || !Shared(&f.flow, from.Local)) && Shared(&g.flow, to.Local) && !dies {
			more++
		}
	}
	if missing+other+more > 0 {
		w.t.Fatalf("%d flows are missing, %d differ, %d are there that are not here; of %d; %+v", missing, other, more, len(from.flows), w.nodes[1-master].engine.Report(w.now))
	}
}

func (w *world) complete(node int) {
	w.t.Helper()
	if r := w.nodes[node].engine.Report(w.now); !w.nodes[node].engine.complete {
		w.t.Fatalf("not complete: %s: %s (%+v)", r.State, r.Why, r.Stats)
	}
}

// flowOf is a flow of its own for each number.
func flowOf(i int, proto uint8, state conntrack.State) conntrack.Flow {
	f := conntrack.Flow{State: state, Status: conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed, Mark: uint32(i % 7)}
	f.Family, f.Proto = conntrack.IPv4, proto
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(i))
	f.Orig.Src = conntrack.BytesOf(netip.AddrFrom4([4]byte{10, n[1], n[2], n[3]}))
	f.Orig.Dst = conntrack.BytesOf(netip.AddrFrom4([4]byte{198, 51, 100, byte(i % 250)}))
	f.Orig.SrcPort, f.Orig.DstPort = uint16(1024+i%60000), 443
	f.Reply = conntrack.Tuple{Src: f.Orig.Dst, Dst: f.Orig.Src, SrcPort: f.Orig.DstPort, DstPort: f.Orig.SrcPort}
	if i%3 != 0 {
		f.Reply.Dst = conntrack.BytesOf(netip.AddrFrom4([4]byte{203, 0, 113, byte(i >> 16)}))
		f.Reply.DstPort = uint16(i)
		f.Status |= conntrack.SrcNAT
	}
	if proto == conntrack.TCP {
		f.Flags = [2]conntrack.TCPFlags{conntrack.WindowScale | conntrack.SACK, conntrack.WindowScale | conntrack.SACK}
		f.Scale = [2]uint8{7, 10}
	}
	return f
}
