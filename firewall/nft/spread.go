package nft

import (
	"math/bits"
	"net/netip"
)

// Spread is the place among n targets that the kernel chooses for a source:
// nft_jhash_eval, on a machine whose words begin with their lowest byte.
func Spread(source netip.Addr, seed uint32, n int) int {
	h := jhash(source.AsSlice(), seed)
	return int(uint64(h) * uint64(n) >> 32)
}

// jhash is the kernel's (linux/jhash.h), Bob Jenkins' lookup3, on whole words of
// this machine's byte order as the kernel reads them.
func jhash(key []byte, seed uint32) uint32 {
	word := func(at int) uint32 {
		if at >= len(key) {
			return 0
		}
		return uint32(key[at]) | uint32(key[at+1])<<8 | uint32(key[at+2])<<16 | uint32(key[at+3])<<24
	}
	const golden = 0xdeadbeef
	a := golden + uint32(len(key)) + seed
	b, c := a, a
	for len(key) > 12 {
		a, b, c = jhashMix(a+word(0), b+word(4), c+word(8))
		key = key[12:]
	}
	return jhashFinal(a+word(0), b+word(4), c+word(8))
}

func jhashMix(a, b, c uint32) (_, _, _ uint32) {
	a, c = (a-c)^bits.RotateLeft32(c, 4), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 6), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 8), b+a
	a, c = (a-c)^bits.RotateLeft32(c, 16), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 19), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 4), b+a
	return a, b, c
}

func jhashFinal(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
