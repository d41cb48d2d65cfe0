package pieces

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const office = `# An office.

schema = 1
name = "fw" # of both

# ---- interfaces
[interface.lan]
device = "eth1"

# who runs it
[alias.admins]
addresses = [
  "10.1.2.10", # me
]
[alias.admins.extra]
x = 1

# ---- rules

# the first
[[rule]]
name = "a"
action = "pass"
[rule.limits]
flows = 5

[[rule]]
action = "block"
name = 'b c'

[[vip]]
address = "10.1.2.5/28"
interface = "lan"

[[vip]]
interface = "lan"
address = "10.1.2.5/28"

[[route]]
destination = "default"

[nat]
outbound = "off"
[nat.x]
y = 1

[ha_check.dns]
command = ["x"]

[ha]
secret = "s"

[[odd]]
[["we ird"]]
name = "a\nb"

# the end
`

func split(t *testing.T, text string) []Piece {
	t.Helper()
	all, err := Split([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func objects(all []Piece) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.Object)
	}
	return names
}

func TestSplitNamesObjects(t *testing.T) {
	all := split(t, office)
	want := []string{
		Top, "interface lan", "alias admins", "rule a", "rule b c", "vip lan 10.1.2.5/28", "vip lan 10.1.2.5/28 (2)",
		"route default", "[nat]", "ha_check dns", "[ha]", "odd", `we ird "a\nb"`,
	}
	if diff := cmp.Diff(want, objects(all)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	texts := map[int]string{
		0:  "# An office.\n\nschema = 1\nname = \"fw\" # of both\n",
		1:  "\n# ---- interfaces\n[interface.lan]\ndevice = \"eth1\"\n",
		2:  "\n# who runs it\n[alias.admins]\naddresses = [\n  \"10.1.2.10\", # me\n]\n[alias.admins.extra]\nx = 1\n",
		3:  "\n# ---- rules\n\n# the first\n[[rule]]\nname = \"a\"\naction = \"pass\"\n[rule.limits]\nflows = 5\n",
		11: "\n[[odd]]\n",
		12: "[[\"we ird\"]]\nname = \"a\\nb\"\n\n# the end\n",
	}
	for i, want := range texts {
		if diff := cmp.Diff(want, all[i].Text); diff != "" {
			t.Errorf("%s (-want +got)\n%s", all[i].Object, diff)
		}
	}
}

func TestSplitNames(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"comments alone", "# nothing\n", []string{Top}},
		{"a byte order mark alone", "\ufeff", []string{Top}},
		{"a byte order mark before a table", "\ufeff[ha]\n", []string{Top, "[ha]"}},
		{"no key at the top", "[ha]\n", []string{"[ha]"}},
		{"no last newline", "a = 1\n[ha]", []string{Top, "[ha]"}},
		{"other line ends", "a = 1\r\n\r\n[alias.x]\r\nb = 1\r\n", []string{Top, "alias x"}},
		{"indented", "  [alias.x]\n    [alias.x.y]\n  [alias.z]\n", []string{"alias x", "alias z"}},
		{"quoted", `[alias."x y"]` + "\n['alias'.z]\n", []string{"alias x y", "alias z"}},
		{"the whole table", "[alias]\nx = {}\n[alias.y]\n", []string{"[alias]", "alias y"}},
		{"inline and dotted", "alias = {x = {}}\nzone.y.interfaces = []\nrule = [{name = \"a\"}]\n", []string{Top}},
		{"brackets in strings", "a = \"\"\"\n[alias.x]\n\"\"\"\nb = [\n[1],\n]\n[ha]\n", []string{Top, "[ha]"}},
		{"apart", "[alias.x]\n[ha]\n[alias.x.y]\n", []string{"alias x", "[ha]", "alias x (2)"}},
		{"a name that looks like a second one", "[[rule]]\nname=\"a (2)\"\n[[rule]]\nname=\"a\"\n[[rule]]\nname=\"a\"\n",
			[]string{"rule a (2)", "rule a", "rule a (3)"}},
		{"a name in a table below", "[[rule]]\n[rule.limits]\nname = \"x\"\n", []string{"rule"}},
		{"lists in a list", "[[rule]]\nname = \"a\"\n[[rule.x]]\n[[rule.x]]\n[rule.x.y]\n", []string{"rule a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := split(t, c.text)
			if diff := cmp.Diff(c.want, objects(all)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			var joined strings.Builder
			for _, p := range all {
				joined.WriteString(p.Text)
			}
			if joined.String() != c.text {
				t.Errorf("the pieces are %q, the text is %q", joined.String(), c.text)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\n[":                        "read policy: line 2: ",
		"a = \n":                          "read policy: line 1: ",
		"a = 1\na = 2\n":                  "read policy: line 2: a stands there already",
		"[a]\n[a]\n":                      "read policy: line 2: a stands there already",
		"[[a]]\n[a]\n":                    "read policy: line 2: a stands there already",
		"[a]\n[[a]]\n":                    "read policy: line 2: a stands there already",
		"a = {b = 1, b = 2}":              "read policy: line 1: b stands there already",
		"a = [{b = 1, b = 2}]":            "read policy: line 1: b stands there already",
		"a = 1\n[a.b]\n":                  "read policy: line 2: a stands there already",
		"a = {}\n\n[a.b]\n":               "read policy: line 3: a stands there already",
		"a.b = 1\n[a]\n":                  "read policy: line 2: a stands there already",
		"[a.b]\n[a]\nb.c = 1\n":           "read policy: line 3: b stands there already",
		"[[rule]]\n[ha]\n[rule.limits]\n": "read policy: line 3: [rule.limits] stands apart from the [[rule]] that it belongs to",
		"\xff":                            "read policy: line 1: ",
		"schema = 1\n<<<<<<< ours\n":      "read policy: line 2: ",
	} {
		_, err := Split([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if _, err := Shared([]byte(text), nil); err == nil || !strings.HasPrefix(err.Error(), "cut out what is shared: "+want) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := Weave([]byte(text), nil, nil); err == nil || !strings.HasPrefix(err.Error(), "weave policy: the node's own: "+want) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := Weave(nil, []byte(text), nil); err == nil || !strings.HasPrefix(err.Error(), "weave policy: what is shared: "+want) {
			t.Errorf("%q: %v", text, err)
		}
		for side, name := range []string{"base", "ours", "theirs"} {
			var texts [3][]byte
			texts[side] = []byte(text)
			if _, err := Compare(texts[0], texts[1], texts[2]); err == nil || !strings.HasPrefix(err.Error(), "compare policies: "+name+": "+want) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}

// examples is the policies that the package comes with.
func examples(t testing.TB) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range []string{"../../packaging/examples/*.toml", "../../packaging/examples/*/*.toml", "../testdata/*.toml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, names, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(text)
		}
	}
	return texts
}

func TestExamplesStayWhole(t *testing.T) {
	for name, text := range examples(t) {
		var joined strings.Builder
		for _, p := range split(t, text) {
			joined.WriteString(p.Text)
		}
		if joined.String() != text {
			t.Errorf("%s: %s", name, cmp.Diff(text, joined.String()))
		}
	}
}
