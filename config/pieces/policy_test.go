package pieces_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/config/pieces"
)

// language is the part of the JSON schema that names tables and sections.
type language struct {
	Properties map[string]struct {
		Properties map[string]struct {
			AnyOf []struct {
				Enum []string `json:"enum"` // of a single word
			} `json:"anyOf"`
		} `json:"properties"`
	} `json:"properties"`
}

// TestEveryTableHasItsSection, or is always shared: who gives the language a new one decides here.
func TestEveryTableHasItsSection(t *testing.T) {
	var l language
	if err := json.Unmarshal(config.Schema(), &l); err != nil {
		t.Fatal(err)
	}
	var shared, left []string
	for table := range l.Properties {
		kept, err := pieces.Shared([]byte("["+table+"]\n"), nil)
		switch {
		case err != nil:
			t.Fatal(err)
		case len(kept) > 0:
			shared = append(shared, table)
		default:
			left = append(left, table)
		}
	}
	slices.Sort(shared)
	slices.Sort(left)
	if diff := cmp.Diff(strings.Fields("ha ha_check interface name schema system zone"), shared); diff != "" {
		t.Errorf("always shared (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(strings.Fields("alias application gateway gateway_group ha_group limiter nat one_to_one outbound "+
		"port_forward prefix queue route rule schedule shape shaper test vip"), left); diff != "" {
		t.Errorf("of a section (-want +got)\n%s", diff)
	}
	var words []string
	for _, form := range l.Properties["ha"].Properties["sections"].AnyOf {
		words = append(words, form.Enum...)
	}
	if diff := cmp.Diff(words, pieces.Left(nil)); diff != "" {
		t.Errorf("sections (-language +here)\n%s", diff)
	}
}

func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../packaging/examples/pair/rempart.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t *testing.T, text []byte) error {
	t.Helper()
	node, err := os.ReadFile("../../packaging/examples/pair/fw1.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse(config.File{Name: "rempart.toml", Data: text}, &config.File{Name: "node.toml", Data: node})
	return err
}

// TestMergedPolicyIsOne and its draft is none.
func TestMergedPolicyIsOne(t *testing.T) {
	base := example(t)
	ours := strings.Replace(base, "[[rule]]\nname   = \"out\"", "[[rule]]\nname = \"voice\"\naction = \"pass\"\n\n[[rule]]\nname   = \"out\"", 1)
	theirs := strings.Replace(base, "10.1.3.10", "10.1.3.11", 1)
	c, err := pieces.Compare([]byte(base), []byte(ours), []byte(theirs))
	if err != nil || c.Merged == nil {
		t.Fatalf("%v, %+v", err, c)
	}
	if err := parse(t, c.Merged); err != nil {
		t.Error(err)
	}
	ours = strings.Replace(base, "10.1.3.10", "10.1.3.12", 1)
	c, err = pieces.Compare([]byte(base), []byte(ours), []byte(theirs))
	if err != nil || c.Draft == nil {
		t.Fatalf("%v, %+v", err, c)
	}
	if err := parse(t, c.Draft); err == nil || !strings.Contains(err.Error(), "no TOML") {
		t.Errorf("the draft: %v", err)
	}
}

// TestWovenPolicyIsOne: a node's own rules among what both have are a policy again.
func TestWovenPolicyIsOne(t *testing.T) {
	own := example(t)
	sections := []string{"nat", "aliases", "schedules", "routes", "vips", "shaper"}
	shared, err := pieces.Shared([]byte(strings.Replace(own, "203.0.113.6/29", "203.0.113.4/29", 1)), sections)
	if err != nil {
		t.Fatal(err)
	}
	woven, err := pieces.Weave([]byte(own), shared, sections)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Replace(own, "203.0.113.6/29", "203.0.113.4/29", 1), string(woven)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
