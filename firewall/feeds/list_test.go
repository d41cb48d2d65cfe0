package feeds

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"
)

func read(t *testing.T, text string) *lines {
	t.Helper()
	l, err := readLines(strings.NewReader(text), maxLines)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ranges(t *testing.T, l *lines) []string {
	t.Helper()
	set, err := l.set()
	if err != nil {
		t.Fatal(err)
	}
	return texts(set)
}

func texts(set *netipx.IPSet) []string {
	var out []string
	for _, r := range set.Ranges() {
		out = append(out, r.String())
	}
	return out
}

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	tests := []struct {
		name, text string
		want       []string
		good       int
		bad        []BadLine
	}{
		{"nothing", "", nil, 0, nil},
		{"comments only", "# a\n; b\n\n", nil, 0, nil},
		{"no newline at the end", "192.0.2.1", []string{"192.0.2.1-192.0.2.1"}, 1, nil},
		{"windows", "\ufeff192.0.2.1\r\n192.0.2.3\r\n", []string{"192.0.2.1-192.0.2.1", "192.0.2.3-192.0.2.3"}, 2, nil},
		{"merged", "192.0.2.1\n192.0.2.2\n192.0.2.0/30\n192.0.2.4-192.0.2.9\n192.0.2.1\n",
			[]string{"192.0.2.0-192.0.2.9"}, 5, nil},
		{"inside a larger one", "10.0.0.0/8\n10.1.0.0/16\n11.0.0.0/8", []string{"10.0.0.0-11.255.255.255"}, 3, nil},
		{"the last address", "255.255.255.255\n255.255.255.254/31\n", []string{"255.255.255.254-255.255.255.255"}, 2, nil},
		{"both families", "2001:db8::1\n192.0.2.1\n2001:db8::2\n", []string{"192.0.2.1-192.0.2.1", "2001:db8::1-2001:db8::2"}, 3, nil},
		{"bad lines", "192.0.2.1\n\nfoo\x1b[2J\n192.0.2.9/40\n", []string{"192.0.2.1-192.0.2.1"}, 1,
			[]BadLine{{3, `foo\x1b[2J`, whyNoAddress}, {4, "192.0.2.9/40", whyBits}}},
		{"a line too long is cut", long + "\n192.0.2.1\n" + long, []string{"192.0.2.1-192.0.2.1"}, 1,
			[]BadLine{{1, long[:maxBadText], whyNoAddress}, {3, long[:maxBadText], whyNoAddress}}},
		{"a comment too long is one", "192.0.2.1 #" + long + "\n192.0.2.3\n", []string{"192.0.2.1-192.0.2.1", "192.0.2.3-192.0.2.3"}, 2, nil},
		{"a tag later is a bad line", "192.0.2.1\n<b>\n", []string{"192.0.2.1-192.0.2.1"}, 1, []BadLine{{2, "<b>", whyNoAddress}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := read(t, tt.text)
			if diff := cmp.Diff(tt.want, ranges(t, l)); diff != "" {
				t.Errorf("ranges -want +got\n%s", diff)
			}
			if diff := cmp.Diff(tt.bad, l.badLines); diff != "" {
				t.Errorf("bad lines -want +got\n%s", diff)
			}
			if l.good() != tt.good || l.bad != len(tt.bad) {
				t.Errorf("%d good and %d bad lines, want %d and %d", l.good(), l.bad, tt.good, len(tt.bad))
			}
		})
	}
}

func TestReadLinesRefuses(t *testing.T) {
	const few = 1000
	broken := errors.New("broken")
	tests := []struct {
		name string
		in   io.Reader
		want error
	}{
		{"a page", strings.NewReader("\n  <!DOCTYPE html>\n192.0.2.1\n"), errMarkup},
		{"too many lines", strings.NewReader(strings.Repeat("\n", few+1)), errLines},
		{"a broken line", io.MultiReader(strings.NewReader("192.0.2.1\n192.0.2"), failing{broken}), broken},
	}
	for _, tt := range tests {
		if _, err := readLines(tt.in, few); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := readLines(strings.NewReader(strings.Repeat("\n", few)), few); err != nil {
		t.Errorf("as many lines as allowed: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestSetAgainstNetipx holds the merging of IPv4 against netipx alone.
func TestSetAgainstNetipx(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var text bytes.Buffer
		var b netipx.IPSetBuilder
		for range r.IntN(40) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.IntN(2)) * 255, byte(r.IntN(2)) * 255, byte(r.IntN(4)), byte(r.Uint32())}), 20+r.IntN(13))
			fmt.Fprintln(&text, p)
			b.AddPrefix(p)
		}
		want, err := b.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(texts(want), ranges(t, read(t, text.String()))); diff != "" {
			t.Fatalf("%s\n-want +got\n%s", text.String(), diff)
		}
	}
}

// BenchmarkMillion reads a list of a million lines and makes a set of it.
func BenchmarkMillion(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	var text bytes.Buffer
	for range 1_000_000 {
		n := r.Uint32()
		fmt.Fprintf(&text, "%v/%d ; SBL%d\n", addr4(n), 24+8*(n&1), n)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		l, err := readLines(bytes.NewReader(text.Bytes()), maxLines)
		if err != nil || l.bad > 0 {
			b.Fatal(err, l.badLines)
		}
		if _, err := l.set(); err != nil {
			b.Fatal(err)
		}
	}
}
