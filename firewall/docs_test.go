package firewall

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/links"
)

// TestDocsTables holds the rules and tables that docs/uplinks.md shows against
// what its policy asks the machine for.
func TestDocsTables(t *testing.T) {
	text, err := os.ReadFile("../docs/uplinks.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(title, fence string) string {
		t.Helper()
		m := regexp.MustCompile("(?s)<!-- " + title + " -->\n```" + fence + "\n(.*?)```").FindSubmatch(text)
		if m == nil {
			t.Fatalf("the page does not show %s", title)
		}
		return string(m[1])
	}
	want := Network(NewWorld(policyOfText(t, block("policy", "toml")), Learned{}, friday))
	var rules, routes []string
	for _, r := range want.Rules {
		rules = append(rules, ipRule(r))
	}
	for _, r := range want.Routes {
		if r.Table != 0 {
			routes = append(routes, ipRoute(r))
		}
	}
	for title, got := range map[string][]string{"ip rule": rules, "ip route show table all": routes} {
		if diff := cmp.Diff(block(title, ""), strings.Join(got, "\n")+"\n"); diff != "" {
			t.Errorf("%s, -page +machine:\n%s", title, diff)
		}
	}
}

// ipRule writes a rule as ip-rule(8) lists it.
func ipRule(r links.Rule) string {
	s := strings.Replace(strings.TrimPrefix(r.String(), "priority "), " from", ": from", 1)
	return strings.NewReplacer("/32", "", " table ", " lookup ").Replace(s) + fmt.Sprintf(" proto %d", links.Protocol)
}

// ipRoute writes a route of a table as ip-route(8) lists it.
func ipRoute(r links.Route) string {
	s := strings.Replace(r.String(), "0.0.0.0/0", "default", 1)
	metric := ""
	if at := strings.Index(s, " metric "); at >= 0 {
		end := strings.Index(s, " table ")
		s, metric = s[:at]+s[end:], s[at:end]
	}
	return s + fmt.Sprintf(" proto %d", links.Protocol) + metric
}
