package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// example is a piece of TOML in the documentation. A comment before it says
// what it is:
//
//	<!-- policy -->                        a whole rempart.toml
//	<!-- policy, in part -->               makes a policy with testdata/part.toml
//	<!-- policy, in part, not enforced --> the same, of what this version only reads
//	<!-- policy, in part, of a pair -->    the same, of one of two nodes
//	<!-- node.toml -->                     a node's file beside testdata/part.toml
//	<!-- node.toml of a pair -->           the same, of one of two nodes
//	<!-- of packaging/examples/... -->     what stands in that file (TestShippedPolicies)
type example struct {
	kind string
	text string
	line int
}

func examples(t *testing.T, file string) []example {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*) -->\n\n?)?```toml\n(.*?)^```$")
	var all []example
	for _, at := range marked.FindAllSubmatchIndex(text, -1) {
		e := example{text: string(text[at[4]:at[5]]), line: 1 + strings.Count(string(text[:at[4]]), "\n")}
		if at[2] >= 0 {
			e.kind = string(text[at[2]:at[3]])
		}
		all = append(all, e)
	}
	if fences := strings.Count(string(text), "```toml"); fences != len(all) {
		t.Errorf("%s has %d examples of TOML, and %d could be read", file, fences, len(all))
	}
	return all
}

// completed is a part of a policy with what it needs around it.
func completed(t *testing.T, part string) File {
	t.Helper()
	own := headings(part)
	var b strings.Builder
	for block := range strings.SplitSeq(string(load(t, "part.toml").Data), "\n\n") {
		if !slices.ContainsFunc(headings(block), func(h string) bool { return slices.Contains(own, h) }) {
			b.WriteString(block + "\n\n")
		}
	}
	return File{Name: "rempart.toml", Data: []byte(b.String() + part)}
}

// headings are the tables that a text begins.
func headings(text string) []string {
	return regexp.MustCompile(`(?m)^\[[a-z_.]+\]`).FindAllString(text, -1)
}

// TestDocumentedExamples reads every piece of TOML in the documentation as the
// gateway would: what people copy from there works.
func TestDocumentedExamples(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../README.md"); err == nil {
		pages = append(pages, "../README.md")
	}
	for _, page := range pages {
		for _, e := range examples(t, page) {
			if err := e.check(t); err != nil {
				t.Errorf("%s:%d: %v\n%s", page, e.line, err, e.text)
			}
		}
	}
}

// check reads e and says what is wrong with it.
func (e example) check(t *testing.T) error {
	t.Helper()
	if file, ok := strings.CutPrefix(e.kind, "of packaging/"); ok {
		whole, err := os.ReadFile("../packaging/" + file)
		if err == nil && !strings.Contains(string(whole), e.text) {
			err = fmt.Errorf("does not stand in packaging/%s like that", file)
		}
		return err
	}
	var err error
	switch e.kind {
	case "policy":
		_, err = Parse(File{"rempart.toml", []byte(e.text)}, nil)
	case "policy, in part":
		_, err = Parse(completed(t, e.text), nil)
	case "policy, in part, not enforced":
		if _, err := Parse(completed(t, e.text), nil); err == nil {
			return errors.New("is enforced: take that out of the comment before it")
		}
		_, err = ParseLanguage(completed(t, e.text), nil)
	case "policy, in part, of a pair":
		_, err = Parse(completed(t, e.text), &File{"node.toml", []byte("[ha]\nadvskew = 0\n")})
	case "node.toml of a pair":
		_, err = Parse(completed(t, "[ha]\ninterface = \"dmz\"\nsecret = \"file:carp.key\"\n"), &File{"node.toml", []byte(e.text)})
	case "node.toml":
		_, err = Parse(completed(t, ""), &File{"node.toml", []byte(e.text)})
	default:
		return fmt.Errorf("says %q of itself: write what it is in a comment before it, as type example has them", e.kind)
	}
	return err
}

// TestShippedPolicies reads the policies that are shipped. Each leads its editor
// to the schema that is installed with it.
func TestShippedPolicies(t *testing.T) {
	for _, tt := range []struct {
		policy, node string
		parse        func(File, *File) (*Config, error)
	}{
		{"../cmd/rempart/demo/rempart.toml", "../cmd/rempart/demo/fw1.toml", Parse},
		{"../cmd/rempart/demo/rempart.toml", "../cmd/rempart/demo/fw2.toml", Parse},
		{"../packaging/examples/rempart.toml", "", Parse},
		{"../packaging/examples/two-lines.toml", "", Parse},
		{"../packaging/examples/rempart.toml", "../packaging/examples/node.toml", Parse},
		{"../packaging/examples/pair/rempart.toml", "../packaging/examples/pair/fw1.toml", Parse},
		{"../packaging/examples/pair/rempart.toml", "../packaging/examples/pair/fw2.toml", Parse},
		{"testdata/single.toml", "", Parse},
		{"testdata/reference.toml", "testdata/node.toml", ParseLanguage}, // has every key
	} {
		policy := shipped(t, tt.policy, "rempart.schema.json")
		var node *File
		if tt.node != "" {
			f := shipped(t, tt.node, "node.schema.json")
			node = &f
		}
		c, err := tt.parse(policy, node)
		if err != nil {
			t.Errorf("%s with %q: %v", tt.policy, tt.node, err)
			continue
		}
		for _, w := range c.Warnings {
			t.Errorf("%s with %q: %v", tt.policy, tt.node, w)
		}
	}
}

func shipped(t *testing.T, file, schema string) File {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if head := "#:schema /usr/share/rempart/" + schema + "\n"; !strings.HasPrefix(string(data), head) {
		t.Errorf("%s does not begin with %s", file, head)
	}
	return File{Name: file, Data: data}
}
