package dispatch

import "math/bits"

// Cost is the model by which lists are split: what a new flow pays in the
// kernel for each kind of step, in nanoseconds, and how large the result may
// become. Only the ratios matter; docs/compiler.md says how they were measured.
type Cost struct {
	Rule     float64 // one rule that does not match
	Hash     float64 // a map of single values, and Filled for each time that their number doubles
	Filled   float64
	Interval float64 // a map of intervals, and Halving for each time that their number doubles
	Halving  float64

	// Written is the longest list that stays as it is written: there is nothing to gain, and it can be read.
	Written int
	// Leaf is the length below which a list is not split further.
	Leaf int
	// Growth bounds the size: a list of n rules becomes at most Growth×n + Allowance entries in lists.
	Growth    float64
	Allowance int
	// Depth is the most maps one after the other: the kernel refuses more than 16 chains in a row.
	Depth int
	// Ranges is the most intervals of one rule that splits look at; a rule with more is everywhere.
	Ranges int
}

// Measured is the model that policies are compiled with.
func Measured() Cost {
	return Cost{
		Rule: 30, Hash: 75, Filled: 15, Interval: 50, Halving: 35,
		Written: 16, Leaf: 8, Growth: 3, Allowance: 512, Depth: 8, Ranges: 256,
	}
}

// lookup is the price of a map with so many elements.
func (c Cost) lookup(elements int, hash bool) float64 {
	doubled := float64(bits.Len(uint(elements)))
	if hash {
		return c.Hash + c.Filled*doubled
	}
	return c.Interval + c.Halving*doubled
}

// walk is the price of a list whose last rules are asked as often as its first.
func (c Cost) walk(rules int) float64 { return c.Rule * float64(rules) }
