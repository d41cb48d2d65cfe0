package hooks

// gauge says whether something is good, by what it was found to be one time after the other. It
// is good until it was bad so often in a row.
type gauge struct {
	bad bool
	run int // how many in a row said the contrary
}

// see takes in what was found, and says whether that changed the gauge. It turns bad after fall
// in a row and good after rise; less than one is one.
func (g *gauge) see(ok bool, fall, rise int) (changed bool) {
	if ok != g.bad {
		g.run = 0
		return false
	}
	g.run++
	limit := fall
	if g.bad {
		limit = rise
	}
	if g.run < limit {
		return false
	}
	g.bad, g.run = !g.bad, 0
	return true
}
