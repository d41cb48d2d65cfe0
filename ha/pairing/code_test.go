package pairing

import "testing"

func TestCodes(t *testing.T) {
	for s, want := range map[string]code{
		"4829-6135": "48296135", "48296135": "48296135", " 4829 6135\n": "48296135", "48-29-61-35": "48296135", "00000000": "00000000",
		"": "", "4829-613": "", "4829-61355": "", "4829-613x": "", "٤٨٢٩٦١٣٥": "", "+4829613": "", "4829_6135": "",
	} {
		got, err := parseCode(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", s, got, err, want)
		}
	}
	seen := make(map[code]bool)
	for range 100 {
		c, err := newCode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseCode(c.String()); back != c || err != nil || len(c.String()) != 9 {
			t.Errorf("%q: %q, %v", c, back, err)
		}
		seen[c] = true
	}
	if len(seen) < 99 {
		t.Errorf("%d codes of 100 differ", len(seen))
	}
}

func TestFingerprint(t *testing.T) {
	k, _ := someone("a", 1)
	if got, want := Fingerprint(k.key), "GR2Q-7GF5-LH6P-ZFDN"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
