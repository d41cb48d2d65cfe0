package pieces

import (
	"cmp"
	"strings"
)

// change is what side did to o.
func (o *object) change(side int) Change {
	switch {
	case !o.there[base] && o.there[side]:
		return Added
	case o.there[base] && !o.there[side]:
		return Removed
	case o.texts[base] != o.texts[side]:
		return Changed
	case o.moved[side]:
		return Moved
	}
	return Unchanged
}

// differs says that the sides have o otherwise.
func (o *object) differs() bool {
	return o.there[ours] != o.there[theirs] || o.texts[ours] != o.texts[theirs]
}

// settle decides what the text of o is to be.
func (o *object) settle() {
	var gaps, bodies [3]string
	for side, text := range o.texts {
		gaps[side], bodies[side] = cutGap(text)
	}
	body, agreed := decide(o.version(base, bodies), o.version(ours, bodies), o.version(theirs, bodies))
	o.conflict = !agreed
	o.stays = body.there
	if !agreed || !o.stays {
		return
	}
	o.result = o.gap(gaps) + body.text
}

// version is a text, or that there is none.
type version struct {
	text  string
	there bool
}

func (o *object) version(side int, texts [3]string) version {
	return version{texts[side], o.there[side]}
}

// decide is what the one side made of base that the other left alone, or both made alike.
func decide(base, ours, theirs version) (version, bool) {
	switch {
	case ours == theirs, theirs == base:
		return ours, true
	case ours == base:
		return theirs, true
	}
	return version{}, false
}

// gap is the blank lines above o. Nobody is to decide about them: of two changes the larger one holds.
func (o *object) gap(gaps [3]string) string {
	v, agreed := decide(o.version(base, gaps), o.version(ours, gaps), o.version(theirs, gaps))
	switch {
	case agreed && v.there:
		return v.text
	case !o.there[ours]:
		return gaps[theirs]
	case !o.there[theirs]:
		return gaps[ours]
	case cmp.Or(cmp.Compare(len(gaps[ours]), len(gaps[theirs])), cmp.Compare(gaps[ours], gaps[theirs])) < 0:
		return gaps[theirs]
	}
	return gaps[ours]
}

// cutGap parts a text from the blank lines above it.
func cutGap(text string) (gap, body string) {
	blank := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	if blank < len(text) {
		blank = strings.LastIndexByte(text[:blank], '\n') + 1
	}
	return text[:blank], text[blank:]
}

// draft is the text of o with marks; only is the one side that has it at this place, or base for both.
func (o *object) draft(only int) string {
	var gaps, bodies [3]string
	for side, text := range o.texts {
		gaps[side], bodies[side] = cutGap(text)
	}
	if only != base {
		bodies[other(only)] = ""
		if only == theirs {
			bodies[base] = ""
		}
	}
	gap := o.gap(gaps)
	if only != base {
		gap = gaps[only]
	}
	return gap + "<<<<<<< ours\n" + ended(bodies[ours]) + "||||||| before\n" + ended(bodies[base]) +
		"=======\n" + ended(bodies[theirs]) + ">>>>>>> theirs\n"
}
