package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
)

// written holds a generated file against what it has to be; -update writes it anew.
func written(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("%s is stale, `make docs` writes it anew (-is +has to be):\n%s", file, diff)
	}
}

// TestDocsSchema keeps the schemas that editors are given.
func TestDocsSchema(t *testing.T) {
	written(t, "../packaging/schema/rempart.schema.json", Schema())
	written(t, "../packaging/schema/node.schema.json", NodeSchema())
}

// TestDocsPolicy keeps the reference of the language: what people wrote of it,
// with the keys as the parser has them, each table once.
func TestDocsPolicy(t *testing.T) {
	page := policyPage{tables: Reference()}
	outline, err := template.New("policy.md").Funcs(template.FuncMap{"keys": page.keys}).ParseFiles("testdata/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := outline.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	for _, table := range page.tables {
		t.Errorf("testdata/policy.md does not speak of %s", table.Path)
	}
	written(t, "../docs/policy.md", b.Bytes())
}

// policyPage is the reference while it is written.
type policyPage struct {
	tables []Table // still to come
}

// keys describes the table at path: what it is, and what may stand in it.
func (p *policyPage) keys(path string) (string, error) {
	i := slices.IndexFunc(p.tables, func(t Table) bool { return t.Path == path })
	if i < 0 {
		return "", fmt.Errorf("no table %q, or it was spoken of before", path)
	}
	table := p.tables[i]
	p.tables = slices.Delete(p.tables, i, i+1)
	var b strings.Builder
	if path != "" {
		fmt.Fprintf(&b, "`%s`: %s\n\n", path, table.Meaning)
	}
	languagePath := strings.ReplaceAll(strings.Trim(path, "[]"), "NAME", "*")
	idle := notEnforced(languagePath)
	if idle {
		b.WriteString("This version of rempart knows this table and does not enforce it, so `rempart check` refuses it.\n\n")
	}
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, k := range table.Keys {
		meaning := k.Meaning
		switch {
		case k.Only:
			meaning += " *Stands in node.toml alone.*"
		case k.Node:
			meaning += " *May stand in node.toml.*"
		}
		if !idle && notEnforced(strings.TrimPrefix(languagePath+"."+k.Name, ".")) {
			meaning += " *Not enforced by this version: refused.*"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Type, defaultText(k), strings.ReplaceAll(meaning, "|", `\|`))
	}
	return b.String(), nil
}

// defaultText is what holds without a key, as code where it could be written so.
func defaultText(k Key) string {
	switch {
	case k.Needed:
		return "**needed**"
	case k.Default != "" && json.Valid([]byte(k.Default)):
		return "`" + k.Default + "`"
	}
	return k.Default
}

// notEnforced says whether this version refuses the table or key at path.
func notEnforced(path string) bool {
	for _, u := range unsupported {
		if path == u.path || strings.HasPrefix(path, u.path+".") {
			return true
		}
	}
	return false
}
