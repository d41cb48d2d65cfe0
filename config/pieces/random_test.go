package pieces

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// random makes policies and edits of them.
type random struct {
	*rand.Rand
	fresh int // for names and values that nothing has yet
}

func newRandom(seed uint64) *random { return &random{Rand: rand.New(rand.NewPCG(seed, 7))} }

// text is what stands above a table.
func (r *random) lead() string {
	return []string{"", "\n", "\n\n", "# says something\n", "\n# a banner\n\n# and more\n", "\r\n"}[r.IntN(6)]
}

// value is different every time.
func (r *random) value() int {
	r.fresh++
	return r.fresh
}

// piece is the text of a new table of a kind.
func (r *random) piece(kind string) string {
	n := r.value()
	switch kind {
	case "rule", "port_forward", "test", "shape":
		text := fmt.Sprintf("%s[[%s]]\nname = \"n%d\"\nv = %d\n", r.lead(), kind, n, n)
		if r.IntN(3) == 0 {
			text += fmt.Sprintf("[%s.limits] # few\nflows = %d\n", kind, n)
		}
		return text
	case "route":
		return fmt.Sprintf("%s[[route]]\ndestination = \"d%d\"\nv = %d\n", r.lead(), r.IntN(3), n)
	case "vip":
		return fmt.Sprintf("%s[[vip]]\ninterface = \"lan\"\naddress = \"10.0.0.%d/24\"\nv = %d\n", r.lead(), n, n)
	}
	return fmt.Sprintf("%s[%s.n%d]\nv = %d\n", r.lead(), kind, n, n)
}

var kinds = []string{"rule", "port_forward", "test", "shape", "vip", "route", "alias", "interface", "ha_check", "zone", "gateway", "schedule"}

// pieces is the texts of a policy, the keys at its top first.
func (r *random) pieces() []string {
	list := []string{"# " + fmt.Sprint(r.value()) + "\nschema = 1\n"}
	for range r.IntN(14) {
		list = append(list, r.piece(kinds[r.IntN(len(kinds))]))
	}
	return list
}

// ending is what stands behind the last table.
func (r *random) ending(text string) string {
	switch r.IntN(6) {
	case 0:
		return strings.TrimSuffix(text, "\n")
	case 1:
		return text + "\n# that is all\n"
	case 2:
		return text + "\n\n"
	case 3:
		return text + "# without an end"
	}
	return text
}

func (r *random) text() []byte {
	switch r.IntN(20) {
	case 0:
		return nil
	case 1:
		return []byte(r.ending(strings.Join(r.pieces()[1:], "")))
	case 2:
		return []byte(byteOrderMark + r.ending(strings.Join(r.pieces(), "")))
	}
	return []byte(r.ending(strings.Join(r.pieces(), "")))
}

func (r *random) sections() []string {
	return slices.DeleteFunc(slices.Clone(sectionWords), func(string) bool { return r.IntN(2) == 0 })
}

// edit changes, removes, adds and moves some pieces; in counts the kinds of what it may touch.
func (r *random) edit(list []string, edits int) []string {
	list = slices.Clone(list)
	for range edits {
		at := 1 + r.IntN(len(list))
		switch r.IntN(4) {
		case 0:
			list = slices.Insert(list, at, r.piece(kinds[r.IntN(len(kinds))]))
		case 1:
			if at < len(list) {
				list = slices.Delete(list, at, at+1)
			}
		case 2:
			if at < len(list) {
				list[at] += fmt.Sprintf("w%d = 1\n", r.value())
			}
		case 3:
			if at < len(list) {
				moved := list[at]
				list = slices.Delete(list, at, at+1)
				list = slices.Insert(list, 1+r.IntN(len(list)), moved)
			}
		}
	}
	return list
}

const rounds = 150

func each(t *testing.T, try func(t *testing.T, r *random)) {
	t.Helper()
	for seed := range uint64(rounds) {
		try(t, newRandom(seed))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
