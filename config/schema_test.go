package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// schemaOf reads a schema as a reader of JSON sees it.
func schemaOf(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaKnowsTheReference walks the reference policy through the schema:
// every key is there, and what it holds has the type that the schema says.
func TestSchemaKnowsTheReference(t *testing.T) {
	for _, tt := range []struct {
		file   string
		schema []byte
	}{
		{"reference.toml", Schema()}, {"single.toml", Schema()}, {"node.toml", NodeSchema()},
	} {
		tree, err := parseTree(load(t, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		fits(t, tree, schemaOf(t, tt.schema))
	}
}

// fits says where n is not what the schema s says.
func fits(t *testing.T, n *node, s map[string]any) {
	t.Helper()
	if choices, ok := s["anyOf"].([]any); ok {
		if !slices.ContainsFunc(choices, func(a any) bool { return isOf(n, a.(map[string]any)) }) {
			t.Errorf("%s is %s, which the schema does not take", n.path(), n.kind)
		}
		return
	}
	if !isOf(n, s) {
		t.Errorf("%s is %s, the schema wants %v", n.path(), n.kind, s["type"])
	}
	properties, _ := s["properties"].(map[string]any)
	for _, c := range n.children {
		switch {
		case n.kind != kindTable:
			fits(t, c, s["items"].(map[string]any))
		case properties[c.key] != nil:
			fits(t, c, properties[c.key].(map[string]any))
		case reflect.TypeOf(s["additionalProperties"]) == reflect.TypeFor[map[string]any]():
			fits(t, c, s["additionalProperties"].(map[string]any))
		default:
			t.Errorf("the schema does not know %s", c.path())
		}
	}
}

// isOf says whether n has the JSON type that s says.
func isOf(n *node, s map[string]any) bool {
	switch s["type"] {
	case "object":
		return n.kind == kindTable
	case "array":
		return n.kind == kindTables || n.kind == kindArray
	case "string":
		return n.kind == kindString
	case "integer":
		return n.kind == kindInteger
	case "boolean":
		return n.kind == kindBool
	}
	return false
}

// TestSchemaIsClosed: a key that nobody knows is a fault in the editor too.
func TestSchemaIsClosed(t *testing.T) {
	var walk func(path string, s map[string]any)
	walk = func(path string, s map[string]any) {
		if s["type"] == "object" && s["additionalProperties"] == nil {
			t.Errorf("%s takes keys that nobody knows", path)
		}
		if s["properties"] != nil && s["additionalProperties"] != false {
			t.Errorf("%s takes keys that nobody knows", path)
		}
		for key, v := range s {
			if m, ok := v.(map[string]any); ok {
				walk(path+"/"+key, m)
			}
		}
	}
	walk("", schemaOf(t, Schema()))
	walk("", schemaOf(t, NodeSchema()))
}

func TestSchemaSaysWhatTheParserSays(t *testing.T) {
	s := schemaOf(t, Schema())
	if got, want := s["$schema"], "https://json-schema.org/draft/2020-12/schema"; got != want {
		t.Errorf("$schema = %v, want %s", got, want)
	}
	rule := s["properties"].(map[string]any)["rule"].(map[string]any)["items"].(map[string]any)
	keys := rule["properties"].(map[string]any)
	if got := keys["log"].(map[string]any)["default"]; got != false {
		t.Errorf("default of log = %v, want false", got)
	}
	if got := keys["limits"].(map[string]any)["properties"].(map[string]any)["flows"].(map[string]any)["minimum"]; got != 1.0 {
		t.Errorf("minimum of limits.flows = %v, want 1", got)
	}
	required, _ := rule["required"].([]any)
	if len(required) != 2 || required[0] != "name" || required[1] != "action" {
		t.Errorf("a rule needs %v, want name and action", required)
	}
	node := schemaOf(t, NodeSchema())["properties"].(map[string]any)
	if len(node) != 3 || node["name"] == nil || node["interface"] == nil || node["ha"] == nil {
		t.Errorf("node.toml takes %v, want name, interface and ha", node)
	}
}

// TestEnumTagsAreTheParsersWords: the tag is for readers, the words are for the
// parser, and they are the same.
func TestEnumTagsAreTheParsersWords(t *testing.T) {
	want := map[string]words{
		"rule.action": actionWords, "test.expect": actionWords, "nat.outbound": natWords,
		"limiter.per": perWords, "ha.sections": sectionWords,
		"gateway.on_down": onDownWords, "gateway_group.on_down": onDownWords,
		"gateway.fail_over": moveWords, "gateway_group.fail_over": moveWords, "rule.fail_over": moveWords,
		"gateway_group.fail_back": backWords, "rule.fail_back": backWords,
		"gateway_group.trigger": warnWords, "route.kind": kindWords,
		"vip.kind": vipWords, "nat.helpers": helperWords, "port_forward.spread": spreadWords, "outbound.spread": spreadWords,
	}
	each(reflect.TypeFor[rawPolicy](), "", func(path string, f field) {
		if len(f.enum) == 0 {
			return
		}
		if !slices.Equal(f.enum, want[path]) {
			t.Errorf("%s: the tag says %v, the parser %v", path, f.enum, want[path])
		}
		delete(want, path)
	})
	for path := range want {
		t.Errorf("%s has no enum tag", path)
	}
}

// each calls f for every key of the language, with its path.
func each(t reflect.Type, path string, do func(path string, f field)) {
	for _, f := range fieldsOf(t) {
		do(path+f.key, f)
		if _, keys := f.raw().form(); keys != nil {
			each(keys, path+f.key+".", do)
		}
	}
}

// TestTagsAreWhole: every key has a meaning in one line, and every number a range.
func TestTagsAreWhole(t *testing.T) {
	each(reflect.TypeFor[rawPolicy](), "", func(path string, f field) {
		if f.key == "" || f.doc == "" || strings.Contains(f.doc, "\n") {
			t.Errorf("%s: key %q, meaning %q", path, f.key, f.doc)
		}
		form, _ := f.raw().form()
		if form == formNumber && f.max == 0 {
			t.Errorf("%s: a number without a range", path)
		}
		if f.need != "" && f.def != "" {
			t.Errorf("%s: is needed, and has a default", path)
		}
	})
}

func TestReferenceHasEveryKey(t *testing.T) {
	tables := make(map[string][]string)
	for _, table := range Reference() {
		if table.Meaning == "" {
			t.Errorf("%s has no meaning", table.Path)
		}
		for _, k := range table.Keys {
			tables[table.Path] = append(tables[table.Path], k.Name)
			if k.Type == "" || k.Meaning == "" {
				t.Errorf("%s %s: %+v", table.Path, k.Name, k)
			}
		}
	}
	for path, want := range map[string][]string{
		"":                     {"schema", "name"},
		"[zone.NAME]":          {"description", "interfaces"},
		"[rule.limits]":        {"flows", "flows_per_source", "rate_per_source", "overload"},
		"[[vip]]":              {"kind", "interface", "address", "vhid", "group"},
		"[ha_group.NAME]":      {"preferred"},
		"[ha_check.NAME]":      {"command", "interval", "timeout", "fall", "rise", "weight"},
		"[gateway_group.NAME]": {"description", "tiers", "trigger", "sticky", "on_down", "fail_over", "fail_back", "drain"},
	} {
		if !slices.Equal(tables[path], want) {
			t.Errorf("%s has the keys %v, want %v", path, tables[path], want)
		}
	}
	for _, table := range Reference() {
		if table.Path != "[[rule]]" {
			continue
		}
		i := slices.IndexFunc(table.Keys, func(k Key) bool { return k.Name == "action" })
		want := Key{Name: "action", Type: "pass, block or reject", Meaning: "What becomes of it: block is silent, reject answers.", Needed: true}
		if table.Keys[i] != want {
			t.Errorf("action = %+v, want %+v", table.Keys[i], want)
		}
	}
}
