package hooks

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []string
		want   string
	}{
		{"nothing", nil, ""},
		{"little", []string{"one\n", "two\n"}, "one\ntwo"},
		{"too much at once", []string{strings.Repeat("x", 3*keptOutput) + "end"}, strings.Repeat("x", keptOutput-3) + "end"},
		{"too much in parts", []string{strings.Repeat("a", 3000), strings.Repeat("b", 3000), strings.Repeat("c", 3000)}, strings.Repeat("b", 1096) + strings.Repeat("c", 3000)},
		{"terminal codes", []string{"\x1b[31mred\x00\ttab\r\n"}, "\uFFFD[31mred\uFFFD tab"},
		{"no UTF-8", []string{"a\xffb"}, "a\uFFFDb"},
		{"a character cut off", []string{"é" + strings.Repeat("x", keptOutput-1)}, strings.Repeat("x", keptOutput-1)},
	} {
		var tail tail
		for _, w := range c.writes {
			if n, err := tail.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%s: wrote %d, %v", c.name, n, err)
			}
			if len(tail.b) > 3*keptOutput {
				t.Errorf("%s: %d bytes are kept", c.name, len(tail.b))
			}
		}
		if got := tail.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLastLine(t *testing.T) {
	long := strings.Repeat("x", keptLine)
	for text, want := range map[string]string{
		"":              "",
		"one":           "one",
		"one\ntwo":      "two",
		"a\n" + long:    long,
		long + "y":      long + "...",
		long[1:] + "éé": long[1:] + "...",
	} {
		if got := lastLine(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	c := Change{Group: "main", From: "BACKUP", To: "MASTER", Why: "fw1 fell\nsilent\x00", Node: "fw2", Peer: "fw1"}
	got := strings.Join(c.environment(), ",")
	want := "PATH=" + searchPath + ",REMPART_GROUP=main,REMPART_ROLE=MASTER,REMPART_FROM=BACKUP," +
		"REMPART_WHY=fw1 fell silent,REMPART_NODE=fw2,REMPART_PEER=fw1"
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
