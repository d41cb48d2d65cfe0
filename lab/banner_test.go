package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBannerRoundTrip(t *testing.T) {
	for _, want := range []banner{
		{"web", port("10.0.0.2", 80), port("198.51.100.1", 40000)},
		{"w-6", port("fd00::2", 0), port("2001:db8::1", 65535)},
	} {
		line := want.append(nil)
		got, rest, err := parseBanner(append(line, "a b\nc"...))
		if err != nil || got != want || string(rest) != "a b\nc" {
			t.Errorf("%s: got %v, %q, %v", line, got, rest, err)
		}
		for i := range line {
			if got, _, err := parseBanner(line[:i]); err == nil {
				t.Errorf("%q: got %v", line[:i], got)
			}
		}
	}
}

func TestParseBannerMalformed(t *testing.T) {
	for _, line := range []string{
		"\n",
		"web 10.0.0.2:80\n",
		" 10.0.0.2:80 10.0.0.1:1\n",
		"web 10.0.0.2:80 10.0.0.1:1 more\n",
		"web 10.0.0.2 10.0.0.1:1\n",
		"web 10.0.0.2:80 10.0.0.1:65536\n",
	} {
		if got, _, err := parseBanner([]byte(line)); err == nil {
			t.Errorf("%q: got %v", line, got)
		}
	}
}

func FuzzParseBanner(f *testing.F) {
	f.Add([]byte("web 10.0.0.2:80 [fd00::1]:1\nrest"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, err := parseBanner(b)
		if err != nil {
			return
		}
		again, _, err := parseBanner(got.append(nil))
		if err != nil || again != got {
			t.Errorf("%v becomes %v, %v", got, again, err)
		}
	})
}

func TestLabelRoundTrip(t *testing.T) {
	for _, want := range []label{{oneProbe, 1, 0}, {ofStream, ^uint64(0), 1 << 63}} {
		b := want.append(nil)
		if len(b) != labelSize {
			t.Errorf("%v: %d bytes, want %d", want, len(b), labelSize)
		}
		if got, err := parseLabel(append(b, 1)); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		for i := range b {
			if got, err := parseLabel(b[:i]); err == nil {
				t.Errorf("%d bytes: got %v", i, got)
			}
		}
	}
	if got, err := parseLabel([]byte(strings.Repeat("x", labelSize))); err == nil {
		t.Errorf("unknown kind: got %v", got)
	}
}

func TestEchoedKeepsLength(t *testing.T) {
	tests := []struct{ request, banner, want int }{
		{1400, 50, 1350},
		{74, 50, 24},
		{30, 50, 24},
		{10, 50, 10},
		{0, 50, 0},
	}
	for _, tt := range tests {
		if got := len(echoed(make([]byte, tt.request), tt.banner)); got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
}

func TestMarks(t *testing.T) {
	tests := []struct {
		name  string
		set   []uint64
		end   uint64
		count uint64
		gap   uint64
	}{
		{"nothing", nil, 0, 0, 0},
		{"all lost", nil, 200, 0, 200},
		{"none lost", upTo(130), 130, 130, 0},
		{"first lost", upTo(130)[1:], 130, 129, 1},
		{"tail lost", upTo(100), 130, 100, 30},
		{"over a word", append(upTo(60), 70), 71, 61, 10},
		{"over words", append(upTo(60), 200), 201, 61, 140},
		{"two runs", []uint64{0, 5, 20}, 21, 3, 14},
		{"twice", []uint64{1, 1}, 2, 1, 1},
		{"below end only", []uint64{300}, 64, 1, 64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m marks
			for _, i := range tt.set {
				m.set(i)
			}
			got := [2]uint64{m.count, m.longestGap(tt.end)}
			if diff := cmp.Diff([2]uint64{tt.count, tt.gap}, got); diff != "" {
				t.Errorf("count, gap: -want +got:\n%s", diff)
			}
		})
	}
}

func upTo(n uint64) []uint64 {
	var all []uint64
	for i := range n {
		all = append(all, i)
	}
	return all
}

func FuzzParseLabel(f *testing.F) {
	f.Add(label{ofStream, 1, 2}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := parseLabel(b)
		if err == nil && string(l.append(nil)) != string(b[:labelSize]) {
			t.Errorf("%x becomes %x", b[:labelSize], l.append(nil))
		}
	})
}
