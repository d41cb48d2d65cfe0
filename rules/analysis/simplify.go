package analysis

import (
	"slices"

	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/rules/space"
)

// mostMerged bounds how many cubes are tried against each other.
const mostMerged = 500

// simplified is a region for telling: packets that both policies drop before
// any rule are put in where that makes it simpler, for nobody asks about them.
func (c *comparison) simplified(region []space.Cube) []space.Cube {
	if len(region)*len(c.new.interfaces) > mostMerged {
		return region
	}
	ignored := c.ignored()
	out := byInterface(region)
	for before := 0; before != len(out); {
		before = len(out)
		for i := range out {
			c.fill(&out[i], ignored)
		}
		out = merged(out)
	}
	return out
}

// byInterface is a region with a cube an interface: an exception on one of them
// then leaves the others whole.
func byInterface(region []space.Cube) []space.Cube {
	var out []space.Cube
	for _, c := range region {
		for _, n := range points(c.Sets[space.In]) {
			c.Sets[space.In] = space.Points(n)
			out = append(out, c)
		}
	}
	return out
}

// ignored is the packets that both policies decide before all that may differ:
// what begins no flow, what speaks of IPv6 links, and sources that both refuse.
func (c *comparison) ignored() []space.Cube {
	out := []space.Cube{c.new.ofLinks()}
	for n, m := range inCommon(c.was.entries, c.is.entries) {
		e := &c.was.entries[n]
		switch e.cause {
		case packetlog.CauseAutomatic, packetlog.CauseInvalid, packetlog.CauseSpoofed, packetlog.CauseBogon:
			if slices.EqualFunc(e.region, c.is.entries[m].region, equalCubes) {
				out = append(out, e.region...)
			}
		}
	}
	return out
}

// fill closes the gaps of a cube, line by line, that are ignored as a whole,
// where the line is simpler then.
func (c *comparison) fill(cube *space.Cube, ignored []space.Cube) {
	all := c.new.all(v4)
	if cube.Sets[space.Family].Contains(space.Num(familyIPv6)) {
		all = c.new.all(v6)
	}
	for _, d := range []space.Dim{space.Protocol, space.Port, space.Source, space.Destination} {
		gaps := all.Sets[d].Without(cube.Sets[d])
		if gaps.Empty() {
			continue
		}
		var open []space.Range
		for i := range ignored {
			whole := *cube
			whole.Sets[d] = ignored[i].Sets[d]
			if ignored[i].Covers(&whole) {
				open = append(open, ignored[i].Sets[d]...)
			}
		}
		filled := slices.Clone(cube.Sets[d])
		for _, gap := range gaps {
			if space.Union(open).Covers(space.Set{gap}) {
				filled = append(filled, gap)
			}
		}
		simple := space.Union(filled)
		if len(simple) < len(cube.Sets[d]) && (d != space.Destination || simple.Equal(all.Sets[d])) {
			cube.Sets[d] = simple
		}
	}
}

// merged puts cubes together that are one with a longer list on one line. Cuts
// are undone in the reverse of the order in which they are made.
func merged(region []space.Cube) []space.Cube {
	out := slices.Clone(region)
	for before := 0; before != len(out); {
		before = len(out)
		for d := space.Dims; d >= 0; d-- {
			out = mergedAlong(out, d)
		}
	}
	return out
}

func mergedAlong(out []space.Cube, d space.Dim) []space.Cube {
	for i := 0; i < len(out); i++ {
		for j := i + 1; j < len(out); j++ {
			if one, along, ok := out[i].Merge(&out[j]); ok && along == d {
				out[i], out = one, slices.Delete(out, j, j+1)
				j = i
			}
		}
	}
	return out
}
