package feeds

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/disk"
)

var (
	listKey = key{List, "drop_list"}
	nameKey = key{Name, "deb.example.org"}
)

func listContent(t testing.TB, text string) content {
	t.Helper()
	l, err := readLines(strings.NewReader(text), maxLines)
	if err != nil {
		t.Fatal(err)
	}
	set, err := l.set()
	if err != nil {
		t.Fatal(err)
	}
	return content{list: set, lines: l.good(), url: "https://u:p@lists.example.org/drop.txt", version: Version{ETag: `W/"1"`, Modified: "Fri"}}
}

func nameContent(texts ...string) content {
	c := content{leases: leases{}}
	for _, a := range addrs(texts...) {
		c.leases[a] = time.Time{}
	}
	return c
}

func encoded(t testing.TB, k key, c content) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, k, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shown is a content as a test compares it.
func shown(c content) any {
	s := struct {
		Addresses, Ranges []string
		HasList           bool
		Lines             int
		URL               string
		Version           Version
	}{HasList: c.list != nil, Lines: c.lines, URL: c.url, Version: c.version}
	for _, a := range c.addresses() {
		s.Addresses = append(s.Addresses, a.String())
	}
	if c.list != nil {
		s.Ranges = texts(c.list)
	}
	return s
}

var recordCases = []struct {
	name string
	key  key
	make func(testing.TB) content
}{
	{"list", listKey, func(t testing.TB) content {
		return listContent(t, "192.0.2.0/24\n198.51.100.7\n2001:db8::/64\n::ffff:192.0.2.7\n")
	}},
	{"empty list", listKey, func(t testing.TB) content { return listContent(t, "") }},
	{"name", nameKey, func(testing.TB) content { return nameContent("192.0.2.1", "2001:db8::1") }},
}

func TestRecordRoundTrip(t *testing.T) {
	for _, tt := range recordCases {
		want := tt.make(t)
		got, err := decode(bytes.NewReader(encoded(t, tt.key, want)), tt.key)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(shown(want), shown(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

// TestRecordDamage cuts a record at every length and changes every byte of it.
func TestRecordDamage(t *testing.T) {
	for _, tt := range recordCases {
		whole := encoded(t, tt.key, tt.make(t))
		for n := range whole {
			if _, err := decode(bytes.NewReader(whole[:n]), tt.key); err == nil {
				t.Errorf("%s: cut at %d of %d bytes, it is taken", tt.name, n, len(whole))
			}
			changed := bytes.Clone(whole)
			changed[n] ^= 0x01
			if _, err := decode(bytes.NewReader(changed), tt.key); err == nil {
				t.Errorf("%s: with byte %d changed, it is taken", tt.name, n)
			}
		}
		if _, err := decode(bytes.NewReader(append(whole, 'x')), tt.key); err == nil {
			t.Errorf("%s: with more behind it, it is taken", tt.name)
		}
		if _, err := decode(bytes.NewReader(whole), key{tt.key.kind, "other"}); err == nil {
			t.Errorf("%s: it is taken for another source", tt.name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range recordCases {
		f.Add(encoded(f, tt.key, tt.make(f)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, k := range []key{listKey, nameKey} {
			c, err := decode(bytes.NewReader(data), k)
			if err != nil {
				continue
			}
			again, err := decode(bytes.NewReader(encoded(t, k, c)), k)
			if diff := cmp.Diff(shown(c), shown(again)); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		}
	})
}

func TestStore(t *testing.T) {
	s := store{dir: filepath.Join(t.TempDir(), "learned")}
	if c, at, err := s.load(listKey); err != nil || !at.IsZero() || !c.empty() {
		t.Fatalf("nothing kept: %v %v %v", c, at, err)
	}
	want := listContent(t, "192.0.2.1\n")
	if err := s.save(listKey, want); err != nil {
		t.Fatal(err)
	}
	confirmed := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := s.confirm(listKey, confirmed); err != nil {
		t.Fatal(err)
	}
	got, at, err := s.load(listKey)
	if err != nil || !at.Equal(confirmed) {
		t.Fatalf("kept at %v: %v", at, err)
	}
	if diff := cmp.Diff(shown(want), shown(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(s.dir, fileName(listKey))); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: a url may hold a password", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, fileName(listKey)), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, at, err := s.load(listKey); err == nil || !c.empty() || !at.IsZero() {
		t.Errorf("damaged: %v %v %v", c, at, err)
	}
}

func TestStorePrune(t *testing.T) {
	s := store{dir: t.TempDir()}
	now := time.Now()
	old := now.Add(-time.Hour)
	young := key{Name, "young.example.org"}
	wanted := key{Name, "wanted.example.org"}
	for _, k := range []key{listKey, nameKey, young, wanted} {
		if err := s.save(k, nameContent("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
		if err := s.confirm(k, old); k != young && err != nil {
			t.Fatal(err)
		}
	}
	if err := s.confirm(young, now); err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"1" + disk.Temporary, "README"} {
		path := filepath.Join(s.dir, foreign)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.prune([]key{wanted}, now.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"README", fileName(wanted), fileName(young)}, left); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestFileName(t *testing.T) {
	long := strings.Repeat("a", 253)
	seen := map[string]key{}
	for _, k := range []key{listKey, {Name, "drop_list"}, {Name, ".."}, {Name, "a/../../b"}, {Name, long}, {Name, long[1:]}, {List, ""}} {
		name := fileName(k)
		if filepath.Base(name) != name || len(name) > 255 || !ours(name) {
			t.Errorf("%v is kept in %q", k, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%v and %v share %q", k, other, name)
		}
		seen[name] = k
	}
}
