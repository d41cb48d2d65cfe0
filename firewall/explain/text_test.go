package explain

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
)

func TestTextBreaksLines(t *testing.T) {
	e := New(office(t)).Explain(packet(t, "wan tcp [2001:db8:8::9]:99 -> [2001:db8:f00::9]:443"), monday, false)
	words := func(width int) string { return strings.Join(strings.Fields(strings.Join(Text(e, width), " ")), " ") }
	for _, width := range []int{40, 60, 80, 120} {
		for _, line := range Text(e, width) {
			if len(line) > width && len(strings.Fields(line)) > 3 {
				t.Errorf("%d columns for %d: %q", len(line), width, line)
			}
		}
		if words(width) != words(0) {
			t.Errorf("width %d says something else", width)
		}
	}
	if Text(e, 5)[0] != Text(e, 0)[0] {
		t.Error("no line can be that short, and one was broken")
	}
}

func TestTextPlaces(t *testing.T) {
	for _, tt := range []struct {
		step report.Step
		want string
	}{
		{report.Step{Name: report.StepRoute, Text: "there"}, "    route     there"},
		{report.Step{Name: report.StepRoute, Result: report.ResultPassed, Text: "there", Setting: "route default", File: "/etc/rempart/rempart.toml", Line: 7}, "  + route     there (route default, line 7)"},
		{report.Step{Name: report.StepRoute, Result: report.ResultPassed, Text: "there", Setting: "interface.lan", File: "/etc/rempart/node.toml", Line: 7}, "  + route     there (interface.lan, node.toml line 7)"},
		{report.Step{Name: report.StepOutbound, Result: report.ResultChanged, Text: "a -> b", Setting: "nat.outbound"}, "  ~ outbound  a -> b (nat.outbound)"},
		{report.Step{Name: report.StepRules, Result: report.ResultStopped, Text: "rule r blocks it", Setting: "rule r", Line: 9}, "  x rules     rule r blocks it (line 9)"},
	} {
		b := &book{}
		b.step(tt.step)
		if len(b.lines) != 1 || b.lines[0] != tt.want {
			t.Errorf("%q, want %q", b.lines, tt.want)
		}
	}
}
