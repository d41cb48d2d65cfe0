package nat

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

func cutWords(s string) (before, after string, ok bool) { return strings.Cut(s, " ") }

// names is what one name stands for.
func names(name string, addrs ...string) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for _, a := range addrs {
		out[name] = append(out[name], netip.MustParseAddr(a))
	}
	return out
}

// content is what a set holds in one line; of a map of slots, how many each address has.
func content(sets map[string]nft.Set, name string) string {
	s, ok := sets[name]
	if !ok {
		return "no such set"
	}
	slots := map[string]int{}
	var out []string
	for _, e := range s.Elements {
		if s.Data == 0 {
			out = append(out, strings.Trim(e.Key[0].String(), `"`))
			continue
		}
		if slots[e.Data.From.String()]++; slots[e.Data.From.String()] == 1 {
			out = append(out, e.Data.From.String())
		}
	}
	if s.Data != 0 {
		slices.Sort(out)
		for i, a := range out {
			out[i] = fmt.Sprintf("%s=%d", a, slots[a])
		}
	}
	return strings.Join(out, ", ")
}

// forwarding is one port forward on wan, with more keys.
func forwarding(keys string) string {
	return office[:strings.Index(office, "[nat]")] + "[[port_forward]]\nname = \"f\"\non = \"wan\"\nprotocol = \"tcp\"\nport = [80]\n" + keys
}

func TestTargets(t *testing.T) {
	const two, weighted = `target = ["10.1.3.10", "10.1.3.11"]` + "\n", `target = ["10.1.3.11", "10.1.3.10", "fd00:1:2:2::10"]` + "\nweights = [3, 1, 2]\n"
	for _, tt := range []struct {
		what, keys string
		silent     []string
		want       string // ADDRESS=SLOTS of IPv4, or what stands in the rule
		spread     string
		arrival    string
	}{
		{"one stands in the rule", "target = [\"10.1.3.10\"]\n", nil, "dnat ip to 10.1.3.10", "", "f: 10.1.3.10 80"},
		{"one with its port", "target = [\"10.1.3.10\"]\ntarget_port = 8080\n", nil, "dnat ip to 10.1.3.10:8080", "", "f: 10.1.3.10 8080"},
		{"by source", two, nil, "10.1.3.10=128, 10.1.3.11=128", "jhash ip saddr mod 256 seed 0x72656d70", "f: 10.1.3.10 10.1.3.11 80"},
		{"in turn", two + "spread = \"round-robin\"\n", nil, "10.1.3.10=128, 10.1.3.11=128", "numgen inc mod 256", "f: 10.1.3.10 10.1.3.11 80"},
		{"at random", two + "spread = \"random\"\n", nil, "10.1.3.10=128, 10.1.3.11=128", "numgen random mod 256", "f: 10.1.3.10 10.1.3.11 80"},
		{"by weight", weighted, nil, "10.1.3.10=64, 10.1.3.11=192", "jhash ip saddr mod 256", "f: 10.1.3.11 10.1.3.10 80"},
		{"a silent one gets nothing", weighted + "check = \"icmp\"\n", []string{"10.1.3.11"}, "10.1.3.10=256", "jhash", "f: 10.1.3.10 80 silent 10.1.3.11"},
		{"all silent: all stay", two + "check = \"icmp\"\n", []string{"10.1.3.11", "10.1.3.10"}, "10.1.3.10=128, 10.1.3.11=128", "jhash",
			"f: 10.1.3.10 10.1.3.11 80 silent 10.1.3.10 silent 10.1.3.11"},
		{"one with a check stays", "target = [\"10.1.3.10\"]\ncheck = \"tcp\"\n", []string{"10.1.3.10"}, "dnat ip to 10.1.3.10", "", "f: 10.1.3.10 80 silent 10.1.3.10"},
	} {
		w := world(t, forwarding(tt.keys))
		w.Silent = map[string][]netip.Addr{}
		for _, s := range tt.silent {
			w.Silent["f"] = append(w.Silent["f"], netip.MustParseAddr(s))
		}
		chains, sets := compiled(w)
		text := textOf(chains, chainIn)
		if tt.spread == "" {
			if !strings.Contains(text, tt.want) {
				t.Errorf("%s: %q is not in\n%s", tt.what, tt.want, text)
			}
		} else if got := content(sets, "targets_f_v4"); got != tt.want || !strings.Contains(text, tt.spread) {
			t.Errorf("%s: %q, want %q by %q in\n%s", tt.what, got, tt.want, tt.spread, text)
		}
		e := NewEvaluator(w)
		if got := describe(e.Inbound(syn("wan", "192.0.2.7", "203.0.113.2:80"))); got != tt.arrival {
			t.Errorf("%s: arrives as %q, want %q", tt.what, got, tt.arrival)
		}
	}
}

func syn(in, src, dst string) rules.Packet {
	to := netip.MustParseAddrPort(dst)
	return rules.Packet{In: in, Protocol: config.TCP, Src: netip.MustParseAddr(src), SrcPort: 40000, Dst: to.Addr(), DstPort: to.Port()}
}

func textOf(chains []nft.Chain, name string) string {
	for _, c := range chains {
		if c.Name == name {
			return nft.Ruleset{Chains: []nft.Chain{c}}.String()
		}
	}
	return ""
}

// TestSilentKeepsOthers: when a target falls silent, sources of the others stay with them.
func TestSilentKeepsOthers(t *testing.T) {
	w := world(t, forwarding(`target = ["10.1.3.10", "10.1.3.11", "10.1.3.12"]`+"\nweights = [2, 1, 1]\ncheck = \"tcp\"\n"))
	all := NewEvaluator(w).Inbound(syn("wan", "192.0.2.7", "203.0.113.2:80"))
	gone := netip.MustParseAddr("10.1.3.11")
	w.Silent = map[string][]netip.Addr{"f": {gone}}
	rest := NewEvaluator(w).Inbound(syn("wan", "192.0.2.7", "203.0.113.2:80"))
	took := map[netip.Addr]int{}
	for src := netip.MustParseAddr("198.51.0.0"); src != netip.MustParseAddr("198.51.4.0"); src = src.Next() {
		was, is := all.Chosen(src), rest.Chosen(src)
		took[was]++
		if was != gone && is != was || is == gone {
			t.Fatalf("%s went to %s and goes to %s", src, was, is)
		}
	}
	for a, want := range map[string]int{"10.1.3.10": 512, "10.1.3.11": 256, "10.1.3.12": 256} {
		if got := took[netip.MustParseAddr(a)]; got < want*3/4 || got > want*5/4 {
			t.Errorf("%s got %d of 1024 sources, want about %d", a, got, want)
		}
	}
	// Flows that it has stay with it.
	if !rest.Reaches(netip.AddrPortFrom(gone, 80)) || slices.Contains(rest.To, gone) {
		t.Errorf("a silent target: %+v", rest)
	}
}

func TestNoTarget(t *testing.T) {
	w := world(t, dynamic)
	w.Addresses = map[string][]netip.Prefix{"ppp": {netip.MustParsePrefix("100.64.0.9/32")}}
	for _, tt := range []struct {
		what, dst string
		www, web  string
		want      string
	}{
		{"neither has any", "100.64.0.9:80", "", "", ": 100.64.0.9 80 idle named idle listed"},
		{"the next one has", "100.64.0.9:80", "", "10.1.3.91", "listed: 10.1.3.91 80 idle named"},
		{"the first has", "100.64.0.9:80", "10.1.3.80", "10.1.3.91", "named: 10.1.3.80 80 pass"},
		{"another family is none", "100.64.0.9:80", "fd00::80", "", ": 100.64.0.9 80 idle named idle listed"},
		{"1:1 is next", "198.51.100.3:80", "", "", "erp: 10.1.3.67 80"},
	} {
		w.Names = map[string][]netip.Addr{}
		if tt.www != "" {
			maps.Copy(w.Names, names("www.example.org", tt.www))
		}
		if tt.web != "" {
			maps.Copy(w.Names, names("web.example.org", tt.web))
		}
		if got := describe(NewEvaluator(w).Inbound(syn("ppp", "192.0.2.7", tt.dst))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
}

func TestExcluded(t *testing.T) {
	w := world(t, office[:strings.Index(office, "[[port_forward]]")]+`
[[port_forward]]
name = "not-this"
on = "wan"
source = ["192.0.2.66"]
destination = ["203.0.113.2", "203.0.113.4"]
protocol = "tcp"
port = [443]
target = ["none"]

[[port_forward]]
name = "www"
on = "wan"
destination = ["203.0.113.2"]
protocol = "tcp"
port = [443]
target = ["10.1.3.10"]
pass = true
`)
	e := NewEvaluator(w)
	for _, tt := range []struct{ what, src, dst, want string }{
		{"before a forward", "192.0.2.66", "203.0.113.2:443", "not-this: 203.0.113.2 443 excluded"},
		{"before 1:1", "192.0.2.66", "203.0.113.4:443", "not-this: 203.0.113.4 443 excluded"},
		{"another source", "192.0.2.7", "203.0.113.2:443", "www: 10.1.3.10 443 pass"},
		{"another port", "192.0.2.66", "203.0.113.4:80", "erp: 10.1.3.29 80"},
	} {
		if got := describe(e.Inbound(syn("wan", tt.src, tt.dst))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}
	if a := e.Inbound(syn("wan", "192.0.2.66", "203.0.113.2:443")); a.Changes(netip.MustParseAddrPort("203.0.113.2:443")) {
		t.Error("an exclusion changes the packet")
	}
	chains, _ := compiled(w)
	if text := textOf(chains, chainIn); !strings.Contains(text, `counter name "rule_not-this" accept comment "not-this"`) {
		t.Errorf("the exclusion is not in\n%s", text)
	}
}
