package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// seed adds every policy of testdata.
func seed(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"testdata/*.toml", "testdata/fail/*.toml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// FuzzParse: no text makes Parse panic, and every fault stands inside its file.
func FuzzParse(f *testing.F) {
	seed(f)
	node := []byte("name = \"fw1\"\n[interface.lan]\ndevice = \"eth1\"\n")
	f.Fuzz(func(t *testing.T, policy []byte) {
		_, err := ParseLanguage(File{"rempart.toml", policy}, nil)
		inside(t, err, map[string][]byte{"rempart.toml": policy})
		_, err = Parse(File{"rempart.toml", policy}, &File{"node.toml", node})
		inside(t, err, map[string][]byte{"rempart.toml": policy, "node.toml": node})
		// The node's file is read by the same road.
		_, err = Parse(File{"rempart.toml", node}, &File{"node.toml", policy})
		inside(t, err, map[string][]byte{"rempart.toml": node, "node.toml": policy})
	})
}

func inside(t *testing.T, err error, files map[string][]byte) {
	t.Helper()
	if err == nil {
		return
	}
	var faults Errors
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("the error is %T: %v", err, err)
	}
	for i, e := range faults {
		lines := bytes.Split(bytes.TrimPrefix(files[e.File], []byte("\ufeff")), []byte("\n"))
		if e.Line < 1 || e.Line > len(lines) || e.Col < 1 || e.Col > utf8.RuneCount(lines[e.Line-1])+1 {
			t.Errorf("%v stands outside of the file, which has %d lines", e, len(lines))
		}
		if e.Msg == "" || strings.Contains(e.Msg, "%!") {
			t.Errorf("%v says nothing", e)
		}
		if i > 0 && e.File == faults[i-1].File && e.Line < faults[i-1].Line {
			t.Errorf("%v stands after %v", e, faults[i-1])
		}
	}
}

// FuzzTree holds our judgement of what is TOML against the other parser's. What
// is not in the language may be judged differently: it is refused either way.
func FuzzTree(f *testing.F) {
	seed(f)
	for _, text := range []string{
		"[a.b]\nc=1\n[a]\nb.d=1", "a.b=1\n[a]\nc=1", "a.b=1\na.c=2", "[a.b.c]\nz=9\n[a]\nb.c.t=1",
		"a={b=1}\n[a.c]\nd=1", "a={b=1}\na.c=1", "a=[]\n[[a]]\nb=1", "[[a]]\n[a.b]\n[[a]]\n[a.b]", "[a]\n[[a]]",
		"[[a]]\n[a]", "[[a.b]]\n[a.b.c]\n[a]\nd=1", "a=0x1F\nb=0b11\nc=0o17\nd=1_000\ne=+5\nf=-0", "a=017", "a=0x",
		"a=1__0", "a=_1", "a='''\nx'''", "a=\"\\u00e9\"", "\"a.b\"=1\na.b=2", "[\"\"]\na=1", "a={b=1,}", "a={\nb=1}",
		"[a.b]\n[a]\n[a.b]", "[fruit]\napple.color=1\n[fruit.apple]\nx=1", "[fruit]\napple.color=1\n[fruit.apple.taste]\nx=1",
		"a.b.c=1\n[a.b.d]\ne=1", "a=1\r\nb=2\r\n", "a=1\rb=2",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := parseTree(File{"f", data})
		var other map[string]any
		otherErr := toml.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &other)
		if err != nil || outsideLanguage(tree) {
			return
		}
		if otherErr != nil {
			t.Fatalf("taken, but: %v", otherErr)
		}
		if diff := cmp.Diff(other, plain(tree)); diff != "" {
			t.Errorf("the two read it differently (-other +ours):\n%s", diff)
		}
	})
}

// outsideLanguage says whether n holds what no key of the language takes.
func outsideLanguage(n *node) bool {
	if n.kind == kindFloat || n.kind == kindTime {
		return true
	}
	for _, c := range n.children {
		if outsideLanguage(c) {
			return true
		}
	}
	return false
}

// plain is n as the other parser would give it.
func plain(n *node) any {
	switch n.kind {
	case kindTable:
		m := make(map[string]any)
		for _, c := range n.children {
			m[c.key] = plain(c)
		}
		return m
	case kindTables:
		var l []map[string]any
		for _, c := range n.children {
			l = append(l, plain(c).(map[string]any))
		}
		return l
	case kindArray:
		all := []any{}
		for _, c := range n.children {
			all = append(all, plain(c))
		}
		return all
	case kindInteger:
		var v int64
		for _, c := range strings.TrimPrefix(n.text, "-") {
			v = v*10 - int64(c-'0') // downwards: the smallest integer has no positive twin
		}
		if !strings.HasPrefix(n.text, "-") {
			v = -v
		}
		return v
	case kindBool:
		return n.text == "true"
	}
	return n.text
}

// FuzzTerms: what a term prints reads as the same term.
func FuzzTerms(f *testing.F) {
	for _, s := range []string{
		"any", "!10.1.2.0/24", "10.1.2.3-10.1.2.9", "::/0", "@a", "lan:network", "deb.example.org", "80", "!8000-8080",
		"ssh", "tcp://[2001:db8::1]:443", "dns://192.0.2.53:5353/example.org", "mon-fri 08:00-18:30", "12-24..12-26", "2026-12-24 08:00-12:00", "90s", "30/10s", "1.5Mbit",
	} {
		f.Add(s)
	}
	same := cmp.Options{sameValue}
	f.Fuzz(func(t *testing.T, s string) {
		again(t, s, ParseAddressTerm, AddressTerm.String, same)
		again(t, s, ParsePortTerm, PortTerm.String, same)
		again(t, s, ParseSpan, Span.String, same)
		again(t, s, ParseDateSpan, DateSpan.String, same)
		again(t, s, ParseDuration, FormatDuration, same)
		again(t, s, parseRate, Rate.String, same)
		again(t, s, ParseBits, FormatBits, same)
		again(t, s, ParseProtocol, Protocol.String, same)
		again(t, s, ParseProbe, Probe.String, same)
	})
}

func again[T any](t *testing.T, s string, parse func(string) (T, error), format func(T) string, opts cmp.Option) {
	t.Helper()
	v, err := parse(s)
	if err != nil {
		return
	}
	back, err := parse(format(v))
	if err != nil || !cmp.Equal(v, back, opts) {
		t.Errorf("%q reads as %+v, which prints as %q, which reads as %+v, %v", s, v, format(v), back, err)
	}
}
