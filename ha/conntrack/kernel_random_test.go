package conntrack

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

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
	f.Reply = f.Orig.Inverse(proto)
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
