package lab

import "math/bits"

// marks is a set of sequence numbers that grows from zero.
type marks struct {
	words []uint64
	count uint64
}

// set adds a number and reports whether it was new.
func (m *marks) set(i uint64) bool {
	for uint64(len(m.words)) <= i/64 {
		m.words = append(m.words, 0)
	}
	word, bit := &m.words[i/64], uint64(1)<<(i%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	m.count++
	return true
}

// has reports whether a number is in the set.
func (m *marks) has(i uint64) bool {
	return i/64 < uint64(len(m.words)) && m.words[i/64]&(1<<(i%64)) != 0
}

// longestGap is the longest run of numbers below end that are not in the set.
func (m *marks) longestGap(end uint64) uint64 {
	var longest, run uint64
	for i := uint64(0); i < end; {
		word := uint64(0)
		if i/64 < uint64(len(m.words)) {
			word = m.words[i/64] >> (i % 64)
		}
		inWord := min(64-i%64, end-i)
		zeros := min(uint64(bits.TrailingZeros64(word)), inWord)
		run += zeros
		longest = max(longest, run)
		if zeros < inWord {
			run = 0
			zeros += min(uint64(bits.TrailingZeros64(^(word >> zeros))), inWord-zeros)
		}
		i += zeros
	}
	return longest
}
