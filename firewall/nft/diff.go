package nft

// diffElements are the elements that have to go and to come to make have want.
// Both are walked once, in the order of their keys.
func diffElements(have, want []Element) (gone, fresh []Element) {
	if len(have) == len(want) && (len(have) == 0 || &have[0] == &want[0]) {
		return nil, nil // the same elements, not only equal ones
	}
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

// sameValue compares what hangs on equal keys. What is left of a timeout does not count.
func sameValue(a, b Element) bool {
	return a.Verdict == b.Verdict && a.Timeout == b.Timeout && a.Data.Type == b.Data.Type &&
		compareValues(a.Data, b.Data) == 0
}
