package feeds

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"
)

// shareCases are in the order of a message.
var shareCases = []struct {
	key  key
	age  time.Duration
	make func(testing.TB) content
}{
	{key{Name, "deb.example.org"}, time.Minute, func(testing.TB) content {
		return nameContent("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2:1", "::1")
	}},
	{key{Name, "v6.example.org"}, 0, func(testing.TB) content { return nameContent("2001:db8::1") }},
	{key{List, "broad"}, maxAge, func(t testing.TB) content { return listContent(t, "0.0.0.0/1\n128.0.0.0/1\n::/1\n8000::/1\n") }},
	{key{List, "drop_list"}, time.Hour, func(t testing.TB) content {
		return listContent(t, "192.0.2.0/24\n192.0.3.1\n198.51.100.7\n255.255.255.255\n::\n::/80\n2001:db8::/64\n2001:db8:0:9::/64\n")
	}},
	{key{List, "empty"}, time.Millisecond, func(t testing.TB) content { return listContent(t, "") }},
}

// sealed is a message of sources.
func sealed(shares ...share) []byte {
	b := []byte(exportMagic)
	for _, s := range shares {
		b = s.append(b)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func allShares(t testing.TB) []share {
	t.Helper()
	now := time.Now()
	var out []share
	for _, tt := range shareCases {
		out = append(out, held{tt.key, tt.make(t), now.Add(-tt.age)}.share(now))
	}
	return out
}

func TestShareRoundTrip(t *testing.T) {
	got, err := parseExport(sealed(allShares(t)...))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(shareCases) {
		t.Fatalf("%d of %d sources", len(got), len(shareCases))
	}
	for i, tt := range shareCases {
		c, err := got[i].content(content{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(shown(tt.make(t)), shown(c)); diff != "" || got[i].key != tt.key || got[i].age != tt.age {
			t.Errorf("%v of %s, want %v of %s: -want +got\n%s", got[i].key, got[i].age, tt.key, tt.age, diff)
		}
	}
}

// TestShareDamage cuts a message at every length and changes every byte of it.
func TestShareDamage(t *testing.T) {
	whole := sealed(allShares(t)...)
	for n := range whole {
		if _, err := parseExport(whole[:n]); err == nil {
			t.Errorf("cut at %d of %d bytes, it is taken", n, len(whole))
		}
		changed := bytes.Clone(whole)
		changed[n] ^= 0x01
		if _, err := parseExport(changed); err == nil {
			t.Errorf("with byte %d changed, it is taken", n)
		}
	}
	if _, err := parseExport(append(whole, 0)); err == nil {
		t.Error("with more behind it, it is taken")
	}
}

// TestShareRefuses what is whole and yet no message that Export makes.
func TestShareRefuses(t *testing.T) {
	name, list := share{key: key{Name, "a.example"}}, share{key: key{List, "a"}, lines: 9}
	with := func(s share, change func(*share)) []byte { change(&s); return sealed(s) }
	packed := func(s share, b ...byte) []byte { return with(s, func(s *share) { s.packed = b }) }
	if _, err := parseExport(packed(list, 0, 10, 0, 0, 1, 4)); err != nil {
		t.Fatalf("a right one: %v", err)
	}
	raw := func(b ...byte) []byte {
		b = append([]byte(exportMagic), b...)
		sum := sha256.Sum256(b)
		return append(b, sum[:]...)
	}
	for what, b := range map[string][]byte{
		"nothing":                         nil,
		"another version":                 bytes.Replace(sealed(), []byte(" 1\n"), []byte(" 2\n"), 1),
		"an unknown kind":                 with(name, func(s *share) { s.kind = 3 }),
		"no name":                         with(list, func(s *share) { s.name = "" }),
		"a long name":                     with(list, func(s *share) { s.name = strings.Repeat("a", maxNameText+1) }),
		"a long url":                      with(list, func(s *share) { s.url = strings.Repeat("a", maxURLText+1) }),
		"a long version":                  with(list, func(s *share) { s.version.ETag = strings.Repeat("a", maxValueText+1) }),
		"too old":                         with(list, func(s *share) { s.age = maxAge + time.Millisecond }),
		"too many lines":                  with(list, func(s *share) { s.lines = maxLines + 1 }),
		"twice":                           sealed(list, list),
		"out of order":                    sealed(list, name),
		"a name without addresses":        sealed(name),
		"more ranges than lines":          with(list, func(s *share) { s.lines, s.packed = 0, []byte{0, 10, 0, 0, 1, 4} }),
		"an unspecified address":          packed(name, 0, 0, 0, 0, 0),
		"addresses out of order":          packed(name, 0, 10, 0, 0, 2, 3, 1),
		"an address twice":                packed(name, 0, 10, 0, 0, 2, 4),
		"an address that ends early":      packed(name, 0, 10, 0, 0),
		"more shared than there is":       packed(name, 0, 10, 0, 0, 1, 5),
		"shared with nothing":             packed(name, 2, 0, 1),
		"shared with another family":      packed(name, 0, 10, 0, 0, 1, packedIPv6|4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
		"less shared than there is":       packed(name, 0, 10, 0, 0, 1, 2, 0, 2),
		"half a range":                    packed(list, 0, 10, 0, 0, 1),
		"a range that runs backwards":     packed(list, 0, 10, 0, 0, 2, 3, 1),
		"a range of two families":         packed(list, 0, 10, 0, 0, 2, packedIPv6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
		"ranges that touch":               packed(list, 0, 10, 0, 0, 1, 4, 3, 2, 4),
		"ranges that overlap":             packed(list, 0, 10, 0, 0, 1, 3, 9, 3, 4, 4),
		"a number in a longer form":       raw(1, 1, 'a', 0x80, 0, 5, 0, 10, 0, 0, 1),
		"a number without an end":         raw(1, 1, 'a', 0xff),
		"a length beyond the end":         raw(1, 200, 1, 'a'),
		"a source that ends in its midst": raw(1, 1, 'a', 0),
	} {
		if all, err := parseExport(b); err == nil {
			t.Errorf("%s is taken: %v", what, all)
		}
	}
}

func FuzzParseExport(f *testing.F) {
	all := allShares(f)
	f.Add(sealed(all...)[len(exportMagic):])
	for _, s := range all {
		f.Add(s.append(nil))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append([]byte(exportMagic), body...)
		sum := sha256.Sum256(b)
		b = append(b, sum[:]...)
		shares, err := parseExport(b)
		if err != nil {
			return
		}
		if again := sealed(shares...); !bytes.Equal(b, again) {
			t.Errorf("it is made anew as\n%x, was\n%x", again, b)
		}
		for _, s := range shares {
			c, err := s.content(content{})
			if err != nil {
				t.Fatal(err)
			}
			if packed := pack(s.key, c); !bytes.Equal(packed, s.packed) {
				t.Errorf("%v is packed as\n%x, was\n%x", s.key, packed, s.packed)
			}
		}
	})
}

// networks are n of them that do not touch.
func networks(t testing.TB, n uint32) content {
	t.Helper()
	var b netipx.IPSetBuilder
	for i := range n {
		b.AddPrefix(netip.PrefixFrom(addr4(0x0a000000+i<<9), 24))
	}
	set, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	return content{list: set, lines: int(n), url: drop}
}

func TestExportIsSmall(t *testing.T) {
	f := New(Options{})
	f.Set(policy(t, "drop "+drop+" 1h", "more "+drop+" 1h"))
	const n = 100_000
	large := networks(t, n)
	for _, s := range f.sources {
		s.known, s.lastSuccess = large, time.Now()
	}
	b := f.Export()
	if each := len(b) / (2 * n); each > 6 {
		t.Errorf("a network takes %d bytes", each)
	}
	other := New(Options{})
	other.Set(policy(t, "drop "+drop+" 1h"))
	if changed, err := other.Import(b, time.Now()); err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	if got := other.Snapshot().Lists["drop"]; !got.Equal(large.list) {
		t.Errorf("%d networks came", len(got.Ranges()))
	}
}

// TestExportHasBounds leaves out the lists that do not fit, and keeps the others.
func TestExportHasBounds(t *testing.T) {
	f := New(Options{})
	var aliases []string
	for i := range maxShared/maxLines + 2 {
		aliases = append(aliases, fmt.Sprintf("list%d %s 1h", i, drop))
	}
	f.Set(policy(t, append(aliases, "updates "+deb)...))
	for k, s := range f.sources {
		s.known, s.lastSuccess = nameContent("192.0.2.1"), time.Now()
		if k.kind == List {
			s.known = listContent(t, "192.0.2.1\n")
			s.known.lines = maxLines
		}
	}
	all, err := parseExport(f.Export())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		got = append(got, s.name)
	}
	if want := []string{deb, "list0", "list1", "list2", "list3"}; !slices.Equal(got, want) {
		t.Errorf("it has %v, want %v", got, want)
	}
}

func BenchmarkShareMillion(b *testing.B) {
	f := New(Options{})
	f.sources[listKey] = newSource(want{key: listKey, url: drop}, time.Now())
	f.sources[listKey].known = networks(b, 1_000_000)
	f.sources[listKey].lastSuccess = time.Now()
	message := f.Export()
	b.Run("export", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Export()
		}
		b.ReportMetric(float64(len(message)), "bytes/message")
	})
	b.Run("import", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			other := New(Options{Dir: b.TempDir()})
			other.sources[listKey] = newSource(want{key: listKey, url: drop}, time.Now())
			if changed, err := other.Import(message, time.Now()); err != nil || !changed {
				b.Fatal(changed, err)
			}
		}
	})
	b.Run("digest", func(b *testing.B) {
		f.Digest() // from now on it is remembered
		b.ReportAllocs()
		for b.Loop() {
			f.Digest()
		}
	})
}
