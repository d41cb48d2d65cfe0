package rules

import (
	"net/netip"
	"slices"
	"sort"
	"strings"

	"go4.org/netipx"
)

// shardSize is the most ranges that a set of addresses holds. The kernel
// rebuilds an interval set as a whole for every change, and takes the square of
// its size to list it: one address more in a million took 0.37 s in one set and
// takes a few milliseconds in one of sixty.
const shardSize = 1 << 14

// shard is a part of the addresses of a family, and what a large set holds of it.
type shard struct {
	part   netip.Prefix
	ranges []netipx.IPRange // in order, within the part
}

// shards cuts a family's ranges, which are in order and do not touch, into parts
// of at most size ranges: together they are all addresses of the family. Where
// it cuts hangs on how many ranges there are and hardly ever changes with a few
// of them, so a list that is fetched anew finds its sets again.
func shards(f Family, ranges []netipx.IPRange, size int) []shard {
	all := allIPv4
	if f == V6 {
		all = allIPv6
	}
	return cut(nil, shard{all, ranges}, size)
}

func cut(out []shard, s shard, size int) []shard {
	if len(s.ranges) <= size || s.part.IsSingleIP() {
		return append(out, s)
	}
	low := netip.PrefixFrom(s.part.Addr(), s.part.Bits()+1)
	last := netipx.PrefixLastIP(low)
	high := netip.PrefixFrom(last.Next(), low.Bits())
	n := sort.Search(len(s.ranges), func(i int) bool { return s.ranges[i].To().Compare(last) > 0 })
	lower, upper := s.ranges[:n:n], s.ranges[n:]
	if len(upper) > 0 && upper[0].From().Compare(last) <= 0 { // it lies across
		lower = append(lower, netipx.IPRangeFrom(upper[0].From(), last))
		upper = slices.Insert(slices.Clone(upper[1:]), 0, netipx.IPRangeFrom(high.Addr(), upper[0].To()))
	}
	return cut(cut(out, shard{low, lower}, size), shard{high, upper}, size)
}

// name is the name of the shard's set: alias_listed_v4_10.0.0.0/8.
func (s shard) name(set string) string {
	return set + "_" + strings.ReplaceAll(s.part.String(), ":", ".")
}
