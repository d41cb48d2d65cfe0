package dispatch

import (
	"encoding/hex"
	"hash/fnv"

	"github.com/rempart/rempart/firewall/nft"
)

// hashInts is FNV-1a over numbers.
func hashInts(ns []int) uint64 {
	h := uint64(14695981039346656037)
	for _, n := range ns {
		h = (h ^ uint64(n)) * 1099511628211
	}
	return h
}

// hashed names the content of a chain, or of a map as its only expression. Both
// nodes of a pair, and one node from day to day, give the same content the same name.
func hashed(rules ...nft.Rule) string {
	h := fnv.New64a()
	for _, r := range rules {
		for _, x := range r.Exprs {
			h.Write([]byte(x.String()))
			h.Write([]byte{0})
		}
		h.Write([]byte(r.Comment))
		h.Write([]byte{1})
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
