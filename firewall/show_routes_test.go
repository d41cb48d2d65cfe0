package firewall

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
)

// routesText writes routes, each in one line.
func routesText(routes []report.Route) []string {
	var out []string
	for _, r := range routes {
		s := fmt.Sprintf("%s @%s %s by %s metric %d table %d installed %v:", r.Destination, r.Alias, r.Kind, r.Gateway, r.Metric, r.Table, r.Installed)
		for _, w := range r.Ways {
			s += fmt.Sprintf(" %s %s %s %d", w.Gateway, w.Via, w.Interface, w.Weight)
		}
		out = append(out, strings.TrimSpace(s+" "+r.Reason))
	}
	return out
}

func TestRouteReports(t *testing.T) {
	c := policyOfText(t, uplinked+`
[alias.partners]
addresses = ["192.0.2.128/25", "2001:db8::/32", "198.51.103.7"]

[[route]]
destination = "@partners"
gateway = "lte"
metric = 5

[[route]]
destination = "@farm"
gateway = "fibre"

[[route]]
destination = "10.0.0.0/8"
kind = "blackhole"
`)
	dst := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	missing := []links.Op{
		links.AddRoute{Route: links.Route{Dst: dst("198.51.101.0/24")}}, links.AddRoute{Route: links.Route{Dst: dst("10.0.0.0/8"), Table: 82001}},
		links.DeleteRoute{Route: links.Route{Dst: dst("198.51.100.0/24")}},
	}
	w := NewWorld(c, Learned{}, friday)
	w.Hops = map[string]netip.Addr{"lte": netip.MustParseAddr("100.64.7.1")}
	for _, tt := range []struct {
		name string
		down []string
		hops map[string]netip.Addr
		want []string
	}{
		{"all is well", nil, w.Hops, []string{
			"0.0.0.0/0 @ unicast by internet metric 0 table 0 installed true: fibre 203.0.113.1 wan 3 cable 192.0.2.1 wan2 1",
			"198.51.100.0/24 @ unicast by voip metric 0 table 0 installed true: cable 192.0.2.1 wan2 0",
			"198.51.101.0/24 @ unicast by cable metric 0 table 0 installed false: cable 192.0.2.1 wan2 0",
			"192.0.2.128/25 @partners unicast by lte metric 5 table 0 installed true: lte 100.64.7.1 wan3 0",
			"198.51.103.7/32 @partners unicast by lte metric 5 table 0 installed true: lte 100.64.7.1 wan3 0",
			"invalid Prefix @farm unicast by fibre metric 0 table 0 installed false: fibre 203.0.113.1 wan 0 @farm has no address for it",
			"10.0.0.0/8 @ blackhole by  metric 0 table 0 installed true:",
		}},
		{"lines are down", []string{"fibre", "cable"}, nil, []string{
			"0.0.0.0/0 @ unicast by internet metric 0 table 0 installed false: no gateway of internet has an address",
			"198.51.100.0/24 @ unreachable by voip metric 0 table 0 installed true: gateway group voip is down (on_down = block)",
			"198.51.101.0/24 @ unicast by cable metric 0 table 0 installed false: cable 192.0.2.1 wan2 0",
			"192.0.2.128/25 @partners unicast by lte metric 5 table 0 installed false: gateway lte has no address",
			"198.51.103.7/32 @partners unicast by lte metric 5 table 0 installed false: gateway lte has no address",
			"invalid Prefix @farm unicast by fibre metric 0 table 0 installed false: fibre 203.0.113.1 wan 0 @farm has no address for it",
			"10.0.0.0/8 @ blackhole by  metric 0 table 0 installed true:",
		}},
		{"no line is up", []string{"fibre", "cable", "lte"}, w.Hops, []string{
			"0.0.0.0/0 @ unicast by internet metric 0 table 0 installed false: gateway group internet is down (on_down = next)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Lines, w.Hops = nil, tt.hops
			got := routesText(routeReports(withDown(w, tt.down), missing))
			if diff := cmp.Diff(tt.want, got[:len(tt.want)]); diff != "" {
				t.Error(diff)
			}
		})
	}
}
