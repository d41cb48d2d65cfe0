package feeds

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseEntry(t *testing.T) {
	tests := []struct{ line, want, why string }{
		{"", "", ""},
		{"   \t ", "", ""},
		{"# 192.0.2.1", "", ""},
		{"; 192.0.2.1", "", ""},
		{"192.0.2.1", "192.0.2.1-192.0.2.1", ""},
		{"  192.0.2.1\t\r", "192.0.2.1-192.0.2.1", ""},
		{"192.0.2.0/24 ; SBL123", "192.0.2.0-192.0.2.255", ""},
		{"192.0.2.0/24;SBL123", "192.0.2.0-192.0.2.255", ""},
		{"192.0.2.7/24", "192.0.2.0-192.0.2.255", ""},
		{"192.0.2.1 seen 3 times", "192.0.2.1-192.0.2.1", ""},
		{"192.0.2.1,2026-01-01,scanner", "192.0.2.1-192.0.2.1", ""},
		{"192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.9", ""},
		{"192.0.2.1 - 192.0.2.9", "192.0.2.1-192.0.2.9", ""},
		{"192.0.2.1 -192.0.2.9", "192.0.2.1-192.0.2.9", ""},
		{"192.0.2.1- 192.0.2.9 # nine", "192.0.2.1-192.0.2.9", ""},
		{"192.0.2.1-192.0.2.1", "192.0.2.1-192.0.2.1", ""},
		{"2001:DB8::1", "2001:db8::1-2001:db8::1", ""},
		{"2001:db8::1/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff", ""},
		{"2001:db8::1-2001:db8::5", "2001:db8::1-2001:db8::5", ""},
		{"::ffff:192.0.2.1", "192.0.2.1-192.0.2.1", ""},
		{"::ffff:192.0.2.1/120", "192.0.2.0-192.0.2.255", ""},
		{"0.0.0.0/1", "0.0.0.0-127.255.255.255", ""},

		{"deb.example.org", "", whyNoAddress},
		{"192.0.2", "", whyNoAddress},
		{"192.0.2.256", "", whyNoAddress},
		{"192.0.2.1.", "", whyNoAddress},
		{"192.0.2.01", "", whyNoAddress},
		{"192.0.2.1:80", "", whyNoAddress},
		{"fe80::1%eth0", "", whyNoAddress},
		{"192.0.2.0/33", "", whyBits},
		{"192.0.2.0/", "", whyBits},
		{"192.0.2.0/-1", "", whyNoAddress}, // read as a range
		{"192.0.2.0/255.255.255.0", "", whyBits},
		{"192.0.2.0/024x", "", whyBits},
		{"::ffff:192.0.2.1/95", "", whyBits},
		{"2001:db8::/129", "", whyBits},
		{"192.0.2.9-192.0.2.1", "", whyBackwards},
		{"192.0.2.9-2001:db8::1", "", whyFamilies},
		{"192.0.2.9-", "", whyNoAddress},
		{"-192.0.2.9", "", whyNoAddress},
		{"192.0.2.0-192.0.2.255-192.0.3.1", "", whyNoAddress},
		{"192.0.2.0/24-192.0.3.0/24", "", whyNoAddress},
		{"192.0.2.0 192.0.2.255 24", "", whyTwo},
		{"192.0.2.0\t192.0.2.255", "", whyTwo},
		{"0.0.0.0/0", "", whyEverything},
		{"::/0", "", whyEverything},
		{"0.0.0.0-255.255.255.255", "", whyEverything},
	}
	for _, tt := range tests {
		r, why := parseEntry([]byte(tt.line))
		got := ""
		if r.IsValid() {
			got = r.String()
		}
		if got != tt.want || why != tt.why {
			t.Errorf("%q: got %q %q, want %q %q", tt.line, got, why, tt.want, tt.why)
		}
	}
}

// TestParseAddr4 holds the fast road against the standard one.
func TestParseAddr4(t *testing.T) {
	pieces := []string{"0", "1", "00", "01", "9", "10", "99", "100", "255", "256", "999", "1000", "", "x", " 1", "-1"}
	for _, a := range pieces {
		for _, b := range pieces {
			for _, text := range []string{a + "." + b + ".3.4", "1.2." + a + "." + b, a + ".2.3." + b, a + "." + b, "1.2.3.4." + a} {
				want, err := netip.ParseAddr(text)
				got, ok := parseAddr4([]byte(text))
				if ok != (err == nil) || got != want {
					t.Errorf("%q: got %v %v, want %v %v", text, got, ok, want, err)
				}
			}
		}
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add("192.0.2.0/24 ; SBL123\n# end\n2001:db8::1-2001:db8::5\nnonsense\n")
	f.Add("\ufeff192.0.2.1 - 192.0.2.9\r\n::ffff:1.2.3.4/128")
	f.Add("<html>")
	f.Add(strings.Repeat("1", maxLine+5) + "\n192.0.2.1")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := readLines(strings.NewReader(text), maxLines)
		if err != nil {
			return
		}
		if l.bad < len(l.badLines) || len(l.badLines) > keptBad || min(l.bad, keptBad) != len(l.badLines) {
			t.Errorf("%d bad lines, %d shown", l.bad, len(l.badLines))
		}
		for _, b := range l.badLines {
			if strings.ContainsAny(b.Text, "\x1b\n\r\x00") || b.Why == "" {
				t.Errorf("bad line not fit to be shown: %q", b.Text)
			}
		}
		set, err := l.set()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range set.Ranges() {
			if back, why := parseEntry([]byte(r.String())); why != "" && why != whyEverything || why == "" && back != r {
				t.Errorf("%v comes back as %v %s", r, back, why)
			}
		}
		// What the standard library takes for an address is in the set.
		for line := range strings.Lines(text) {
			if a, err := netip.ParseAddr(strings.TrimSpace(line)); err == nil && a.Zone() == "" && !set.Contains(a.Unmap()) {
				t.Errorf("%v is missing", a)
			}
		}
	})
}
