package nft

import "slices"

// diffElements are the elements that have to go and to come to make have want.
// What both begin and end with is passed over, which is nearly all of a long
// list that is fetched anew; the rest is walked once, in the order of its keys.
func diffElements(have, want []Element) (gone, fresh []Element) {
	if len(have) == len(want) && (len(have) == 0 || &have[0] == &want[0]) {
		return nil, nil // the same elements, not only equal ones
	}
	have, want = trimmed(have, want)
	have, want = sorted(have), sorted(want)
	for len(have) > 0 && len(want) > 0 {
		switch c := compareKeys(have[0], want[0]); {
		case c < 0:
			gone = append(gone, have[0])
			have = have[1:]
		case c > 0:
			fresh = append(fresh, want[0])
			want = want[1:]
		default:
			if !sameValue(have[0], want[0]) {
				gone = append(gone, have[0])
				fresh = append(fresh, want[0])
			}
			have, want = have[1:], want[1:]
		}
	}
	return append(gone, have...), append(fresh, want...)
}

// trimmed takes away the equal elements at the beginning and at the end of both.
func trimmed(a, b []Element) (_, _ []Element) {
	for len(a) > 0 && len(b) > 0 && sameElement(&a[0], &b[0]) {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && sameElement(&a[len(a)-1], &b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

func sameElement(a, b *Element) bool { return slices.Equal(a.Key, b.Key) && sameValue(*a, *b) }

// sameValue compares what hangs on equal keys. What is left of a timeout does not count.
func sameValue(a, b Element) bool {
	return a.Verdict == b.Verdict && a.Timeout == b.Timeout && a.Data.Type == b.Data.Type &&
		compareValues(a.Data, b.Data) == 0
}
