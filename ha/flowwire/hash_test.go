package flowwire

import (
	"math/bits"
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
)

// TestHashSees holds that each field takes part in the hash, and the key alone in the tag.
func TestHashSees(t *testing.T) {
	for _, family := range []uint8{conntrack.IPv4, conntrack.IPv6} {
		f, x := fullest()
		f.Family = family
		if family == conntrack.IPv4 {
			x.Master.Family = family
		}
		hash, tag := Hash(5, &f, &x), Tag(&f.Key)
		last := addressSize(family) - 1
		for name, change := range map[string]func(f *conntrack.Flow, x *conntrack.Extra){
			"key source":              func(f *conntrack.Flow, _ *conntrack.Extra) { f.Orig.Src[last]++ },
			"key destination":         func(f *conntrack.Flow, _ *conntrack.Extra) { f.Orig.Dst[last]++ },
			"key source begins":       func(f *conntrack.Flow, _ *conntrack.Extra) { f.Orig.Src[0]++ },
			"key source port":         func(f *conntrack.Flow, _ *conntrack.Extra) { f.Orig.SrcPort++ },
			"key destination port":    func(f *conntrack.Flow, _ *conntrack.Extra) { f.Orig.DstPort++ },
			"key zone":                func(f *conntrack.Flow, _ *conntrack.Extra) { f.Zone++ },
			"key kind":                func(f *conntrack.Flow, _ *conntrack.Extra) { f.Kind++ },
			"key protocol":            func(f *conntrack.Flow, _ *conntrack.Extra) { f.Proto++ },
			"reply source":            func(f *conntrack.Flow, _ *conntrack.Extra) { f.Reply.Src[last]++ },
			"reply destination":       func(f *conntrack.Flow, _ *conntrack.Extra) { f.Reply.Dst[last]++ },
			"reply destination opens": func(f *conntrack.Flow, _ *conntrack.Extra) { f.Reply.Dst[0]++ },
			"reply source port":       func(f *conntrack.Flow, _ *conntrack.Extra) { f.Reply.SrcPort++ },
			"reply destination port":  func(f *conntrack.Flow, _ *conntrack.Extra) { f.Reply.DstPort++ },
			"state":                   func(f *conntrack.Flow, _ *conntrack.Extra) { f.State++ },
			"status":                  func(f *conntrack.Flow, _ *conntrack.Extra) { f.Status++ },
			"mark":                    func(f *conntrack.Flow, _ *conntrack.Extra) { f.Mark++ },
			"flags":                   func(f *conntrack.Flow, _ *conntrack.Extra) { f.Flags[0]++ },
			"flags of the reply":      func(f *conntrack.Flow, _ *conntrack.Extra) { f.Flags[1]++ },
			"scale":                   func(f *conntrack.Flow, _ *conntrack.Extra) { f.Scale[0]++ },
			"scale of the reply":      func(f *conntrack.Flow, _ *conntrack.Extra) { f.Scale[1]++ },
			"helper":                  func(_ *conntrack.Flow, x *conntrack.Extra) { x.Helper[15]++ },
			"master":                  func(_ *conntrack.Flow, x *conntrack.Extra) { x.Master.Orig.SrcPort++ },
			"labels":                  func(_ *conntrack.Flow, x *conntrack.Extra) { x.Labels[15]++ },
			"adjustment":              func(_ *conntrack.Flow, x *conntrack.Extra) { x.Adjust[1].After++ },
			"proxy":                   func(_ *conntrack.Flow, x *conntrack.Extra) { x.Proxy.Offset++ },
			"tags":                    func(_ *conntrack.Flow, x *conntrack.Extra) { x.VTag[1]++ },
			"DCCP":                    func(_ *conntrack.Flow, x *conntrack.Extra) { x.DCCP.Handshake++ },
			"zones":                   func(_ *conntrack.Flow, x *conntrack.Extra) { x.Zones[1]++ },
			"mask":                    func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.Mask.DstPort++ },
			"expected timeout":        func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.Timeout++ },
			"class":                   func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.Class++ },
			"expected flags":          func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.Flags++ },
			"direction":               func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.NATDir++ },
			"translation":             func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.NAT.DstPort++ },
			"function":                func(_ *conntrack.Flow, x *conntrack.Extra) { x.Expects.Fn[31]++ },
		} {
			g, y := f, x
			change(&g, &y)
			if Hash(5, &g, &y) == hash {
				t.Errorf("family %d: the hash does not see %s", family, name)
			}
			if changed := name[:3] == "key"; (Tag(&g.Key) != tag) != changed {
				t.Errorf("family %d: the tag sees %s: %v, want %v", family, name, !changed, changed)
			}
		}
		g := f
		g.Timeout++
		if Hash(5, &g, &x) != hash {
			t.Errorf("family %d: the hash sees the timeout", family)
		}
		if Hash(6, &f, &x) == hash || Hash(5, &f, nil) == hash {
			t.Errorf("family %d: the hash does not see the slot, or the extra", family)
		}
	}
}

// TestHashMixes holds that flows which are almost alike have hashes that are not, in any of the bits.
func TestHashMixes(t *testing.T) {
	f := web()
	seen, tags := map[uint64]bool{}, map[uint16]int{}
	var set [64]int
	last, flips, n := uint64(0), 0, 0
	for host := range 16 {
		for port := range 4096 {
			f.Orig.Src[3], f.Reply.Dst[3] = byte(host), byte(host)
			f.Orig.SrcPort, f.Reply.DstPort = uint16(port), uint16(port)
			h := Hash(uint32(n), &f, nil)
			if h == 0 || seen[h] {
				t.Fatalf("hash %#x twice", h)
			}
			seen[h] = true
			tags[Tag(&f.Key)]++
			for bit := range set {
				set[bit] += int(h >> bit & 1)
			}
			flips += bits.OnesCount64(h ^ last)
			last = h
			n++
		}
	}
	for bit, k := range set {
		if k < n*45/100 || k > n*55/100 {
			t.Errorf("bit %d is set in %d of %d", bit, k, n)
		}
	}
	if mean := float64(flips) / float64(n); mean < 31 || mean > 33 {
		t.Errorf("%.1f bits differ from one to the next, want 32", mean)
	}
	// Of 65,536 draws of as many, 63 in 100 are hit, and none often.
	if len(tags) < 38_000 {
		t.Errorf("%d tags of %d flows", len(tags), n)
	}
}
