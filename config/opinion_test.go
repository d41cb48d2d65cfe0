package config

import (
	"errors"
	"strings"
	"testing"
)

func TestShallow(t *testing.T) {
	open := strings.Repeat("{a=", maxDepth+1)
	dots := strings.Repeat("a.", maxDepth+1)
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"a = [[1], {b = 2}]\n", true},
		{strings.Repeat("a = [1]\n", 100), true},
		{strings.Repeat("a = 1.5\n", 100), true},
		{open, false},
		{"a." + dots, false},
		{"# " + open + "\n", true},
		{"# x\n" + open, false},
		{`a = "` + open + `"`, true},
		{`a = '` + open + `'`, true},
		{`a = "\"` + open + `"`, true},
		{`a = '\'` + open, false},
		{`a = "}}}}"` + open, false},
		{`a = "not closed` + "\n" + open, false},
		{`a = """` + "\n" + open + `"""`, true},
		{`a = """"x"""` + open, false},
		{`a = """x"""""` + open, false},
		{`a = '''` + "\n'" + open + `'''`, true},
		{`a = ""` + open, false},
		{`a = """` + open, true},
		{`a = "\`, true},
	} {
		if got := shallow([]byte(c.text)); got != c.want {
			t.Errorf("%.60q: %v, want %v", c.text, got, c.want)
		}
	}
}

// TestDeepTextIsReadQuickly reads what took minutes and gigabytes: the race
// detector's tenfold of it would not end in the time that a test has.
func TestDeepTextIsReadQuickly(t *testing.T) {
	for _, text := range []string{
		"a = " + strings.Repeat("{a=", 20_000),
		"a = " + strings.Repeat("[{a=", 20_000),
		"[" + strings.Repeat("a.", 50_000) + "a]\n!",
		strings.Repeat("a.", 50_000) + "a = 1\n!",
	} {
		var errs Errors
		if _, err := Parse(File{Name: "rempart.toml", Data: []byte(text)}, nil); !errors.As(err, &errs) || len(errs) != 1 {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// TestFaultsAreCounted reads a policy with more faults than anybody reads.
func TestFaultsAreCounted(t *testing.T) {
	const rule = "[[rule]]\nname = \"a\"\nzone = 1\n" // one key is unknown, one is missing
	var errs Errors
	if _, err := Parse(File{Name: "rempart.toml", Data: []byte(strings.Repeat(rule, maxFaults))}, nil); !errors.As(err, &errs) {
		t.Fatal(err)
	}
	if last := errs[len(errs)-1]; len(errs) != maxFaults+1 || !strings.HasSuffix(last.Msg, "more faults, in other places") {
		t.Errorf("%d faults, the last is %v", len(errs), last)
	}
}

func TestLongTextIsNotRepeated(t *testing.T) {
	const most = 2*maxWords + 200
	for _, text := range []string{
		"[alias." + strings.Repeat("ä", 100_000) + "]\n",
		"[interface.lan]\nmtu = " + strings.Repeat("9", 100_000) + "\n",
		"schema = 1\n[interface.lan]\naddresses = [\"" + strings.Repeat("x", 100_000) + "\"]\n",
		strings.Repeat("x", 100_000),
	} {
		var errs Errors
		if _, err := Parse(File{Name: "rempart.toml", Data: []byte(text)}, nil); !errors.As(err, &errs) {
			t.Fatal(err)
		}
		for _, e := range errs {
			if len(e.Error()) > most {
				t.Errorf("%.20q: a fault of %d bytes", text, len(e.Error()))
			}
		}
	}
}
