package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/rules"
)

// settling has a group for each thing that may become of flows.
const settling = `schema = 1

[nat]
outbound = "off"

[interface.wan]
device = "wan0"
addresses = ["203.0.113.2/29", "2001:db8:f1::2/64"]
external = true

[interface.wan2]
device = "wan20"
addresses = ["192.0.2.2/24", "2001:db8:f2::2/64"]
external = true

[interface.wan3]
device = "wan30"
addresses = ["100.64.7.2/24"]
external = true

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24", "2001:db8:2::1/64"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"
fail_over = "end"

[gateway.cable]
interface = "wan2"
address = "192.0.2.1"

[gateway.lte]
interface = "wan3"
address = "100.64.7.1"

[gateway.fibre6]
interface = "wan"
address = "2001:db8:f1::1"

[gateway.cable6]
interface = "wan2"
address = "2001:db8:f2::1"

[gateway_group.internet]
tiers = [["fibre"], ["cable"], ["lte"]]
fail_back = "drain"
drain = "30m"

[gateway_group.internet6]
tiers = [["fibre6"], ["cable6"]]

[gateway_group.ending]
tiers = [["fibre"], ["cable"]]
fail_over = "end"
fail_back = "end"

[gateway_group.keeping]
tiers = [["fibre"], ["cable"]]
fail_over = "keep"
fail_back = "keep"

[gateway_group.blocking]
tiers = [["fibre", "cable"]]
on_down = "block"

[gateway_group.loose]
tiers = [["fibre", "cable"]]
on_down = "default-route"

[gateway_group.sticky]
tiers = [["fibre", "cable", "lte"]]
sticky = true

[[route]]
destination = "default"
gateway = "internet"

[[rule]]
name = "plain"
from = "lan"
protocol = "gre"
action = "pass"

[[rule]]
name = "sticks"
from = "lan"
protocol = "udp"
gateway = "sticky"
action = "pass"

[[rule]]
name = "moves"
from = "lan"
gateway = "internet"
action = "pass"

[[rule]]
name = "moves6"
from = "lan"
gateway = "internet6"
action = "pass"

[[rule]]
name = "ends"
from = "lan"
gateway = "ending"
action = "pass"

[[rule]]
name = "keeps"
from = "lan"
gateway = "keeping"
action = "pass"

[[rule]]
name = "blocks"
from = "lan"
gateway = "blocking"
action = "pass"

[[rule]]
name = "falls"
from = "lan"
gateway = "loose"
action = "pass"

[[rule]]
name = "single"
from = "lan"
gateway = "fibre"
action = "pass"

[[rule]]
name = "moves-but-keeps"
from = "lan"
gateway = "internet"
fail_over = "keep"
fail_back = "keep"
action = "pass"

[[rule]]
name = "moves-but-ends"
from = "lan"
gateway = "internet"
fail_over = "end"
fail_back = "end"
action = "pass"

[[rule]]
name = "drains-sooner"
from = "lan"
gateway = "internet"
fail_back = "drain"
drain = "5m"
action = "pass"

[[rule]]
name = "keeps-but-moves"
from = "lan"
gateway = "keeping"
fail_over = "move"
fail_back = "end"
action = "pass"
`

// settlingWorld is the policy with some lines down.
func settlingWorld(t *testing.T, down ...string) *rules.World {
	t.Helper()
	w := NewWorld(policyOfText(t, settling), Learned{Gateways: rules.Numbers{"gone": 200}}, friday)
	w.Lines = withDown(w, down).Lines
	return w
}

// flowKind is who opened a flow, and whether it is translated.
type flowKind int

const (
	untranslated flowKind = iota
	translated
	ownFlow
	cameInFlow // and was forwarded to the inside
	cameInOwn  // to the gateway itself
)

var (
	officeEnd   = netip.MustParseAddrPort("10.1.2.9:40000")
	internetEnd = netip.MustParseAddrPort("198.51.100.7:443")
	gatewayEnd  = netip.MustParseAddrPort("203.0.113.2:40000")
)

// flowOf is a flow of a rule on a line.
func flowOf(w *rules.World, kind flowKind, rule, on string) flows.Flow {
	src, dst := officeEnd, internetEnd
	back := src // where answers go to
	switch kind {
	case translated:
		back = gatewayEnd
	case ownFlow:
		src, back = gatewayEnd, gatewayEnd
	case cameInFlow:
		src, dst, back = internetEnd, officeEnd, internetEnd
	case cameInOwn:
		src, dst, back = internetEnd, gatewayEnd, internetEnd
	}
	return flows.Flow{
		Orig:  flows.Tuple{Proto: flows.ProtoTCP, Src: src, Dst: dst},
		Reply: flows.Tuple{Proto: flows.ProtoTCP, Src: dst, Dst: back},
		Mark:  flows.Mark(w.Numbers[rule], uint8(w.Gateways[on]), 7),
	}
}

const (
	stays  = "stays"
	endsIt = "ends"
)

// fateOf is what an assessment makes of one flow: stays, ends, or the gateway that it moves to.
func fateOf(t *testing.T, a *assessment, fl flows.Flow) string {
	t.Helper()
	moved, ended := a.sort([]flows.Flow{fl})
	switch {
	case len(moved)+len(ended) > 1:
		t.Fatalf("one flow is dealt with %d times", len(moved)+len(ended))
	case len(ended) == 1:
		return endsIt
	case len(moved) == 0:
		return stays
	}
	mark := moved[0].Bits.On(fl.Mark)
	if mark&^flows.GatewayMask != fl.Mark&^flows.GatewayMask {
		t.Errorf("mark %#x became %#x: more than the gateway changed", fl.Mark, mark)
	}
	n := uint16(mark & flows.GatewayMask >> flows.GatewayShift)
	if n == 0 {
		return "the routing table"
	}
	return a.w.Gateways.Name(n)
}

func TestFlowsWhenLinesFall(t *testing.T) {
	for _, tt := range []struct {
		name string
		down []string // fibre falls; others have fallen before
		kind flowKind
		rule string
		on   string
		want string
	}{
		{"move", nil, untranslated, "moves", "fibre", "cable"},
		{"move past a tier that is down", []string{"cable"}, untranslated, "moves", "fibre", "lte"},
		{"move what is translated", nil, translated, "moves", "fibre", endsIt},
		{"move what the gateway opened", nil, ownFlow, "", "fibre", endsIt},
		{"move what came in by the line", nil, cameInFlow, "plain", "fibre", endsIt},
		{"move what came in to the gateway", nil, cameInOwn, "plain", "fibre", endsIt},
		{"nowhere to move to", []string{"cable", "lte"}, untranslated, "moves", "fibre", endsIt},
		{"on another line", nil, untranslated, "moves", "cable", stays},
		{"on a line that fell before", []string{"cable"}, untranslated, "moves", "cable", stays},
		{"without a line", nil, untranslated, "moves", "", stays},
		{"end", nil, untranslated, "ends", "fibre", endsIt},
		{"end what is translated", nil, translated, "ends", "fibre", endsIt},
		{"keep", nil, untranslated, "keeps", "fibre", stays},
		{"keep what is translated", nil, translated, "keeps", "fibre", stays},
		{"the rule keeps what its group would move", nil, untranslated, "moves-but-keeps", "fibre", stays},
		{"the rule ends what its group would move", nil, untranslated, "moves-but-ends", "fibre", endsIt},
		{"the rule moves what its group would keep", nil, untranslated, "keeps-but-moves", "fibre", "cable"},
		{"the rule says nothing of fail_over", nil, untranslated, "drains-sooner", "fibre", "cable"},
		{"a group that is down and blocks", []string{"cable"}, untranslated, "blocks", "fibre", endsIt},
		{"a group that is down and leaves it to the routing table", []string{"cable"}, untranslated, "falls", "fibre", "the routing table"},
		{"the same, translated", []string{"cable"}, translated, "falls", "fibre", endsIt},
		{"a rule by the line alone", nil, untranslated, "single", "fibre", endsIt},
		{"no rule: as the default route's group says", nil, untranslated, "plain", "fibre", "cable"},
		{"a rule that is gone: as the default route's group says", nil, untranslated, "forgotten", "fibre", "cable"},
		{"a gateway that is gone", nil, untranslated, "moves", "gone", endsIt},
		{"a gateway that is gone, of a rule that keeps", nil, untranslated, "keeps", "gone", endsIt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := settlingWorld(t, append(tt.down, "fibre")...)
			a := newAssessment(w, namesOf(w))
			a.fallen = map[string]bool{"fibre": true, "gone": true}
			if got := fateOf(t, a, flowOf(w, tt.kind, tt.rule, tt.on)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFlowsWhenGroupsGoBack(t *testing.T) {
	due := func(group, rule string) []drain { return []drain{{group: group, rule: rule}} }
	for _, tt := range []struct {
		name string
		back []string
		due  []drain
		kind flowKind
		rule string
		on   string
		want string
	}{
		{"end", []string{"ending"}, nil, translated, "ends", "cable", endsIt},
		{"end, on the tier that it goes back to", []string{"ending"}, nil, translated, "ends", "fibre", stays},
		{"end, of another group", []string{"keeping"}, nil, translated, "ends", "cable", stays},
		{"keep", []string{"keeping"}, nil, translated, "keeps", "cable", stays},
		{"drain, at once", []string{"internet"}, nil, translated, "moves", "cable", stays},
		{"drain, in time", nil, due("internet", ""), translated, "moves", "cable", endsIt},
		{"drain, in time, on the tier that it went back to", nil, due("internet", ""), translated, "moves", "fibre", stays},
		{"drain, in time, untranslated", nil, due("internet", ""), untranslated, "moves", "cable", endsIt},
		{"drain, in time, of another group", nil, due("ending", ""), translated, "moves", "cable", stays},
		{"drain of a rule, in its time", nil, due("internet", "drains-sooner"), translated, "drains-sooner", "cable", endsIt},
		{"drain of a rule, in its group's time", nil, due("internet", ""), translated, "drains-sooner", "cable", stays},
		{"drain of another rule", nil, due("internet", "drains-sooner"), translated, "moves", "cable", stays},
		{"the rule keeps what its group drains", nil, due("internet", ""), translated, "moves-but-keeps", "cable", stays},
		{"the rule ends what its group drains", []string{"internet"}, nil, translated, "moves-but-ends", "cable", endsIt},
		{"the rule ends what its group keeps", []string{"keeping"}, nil, translated, "keeps-but-moves", "cable", endsIt},
		{"no rule: as the default route's group says", nil, due("internet", ""), translated, "plain", "cable", endsIt},
		{"what the gateway opened", nil, due("internet", ""), ownFlow, "", "cable", endsIt},
		{"what came in by the line", nil, due("internet", ""), cameInFlow, "plain", "cable", stays},
		{"what came in by the line to the gateway", nil, due("internet", ""), cameInOwn, "plain", "cable", stays},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := settlingWorld(t)
			a := newAssessment(w, namesOf(w))
			a.due, a.back = tt.due, map[string]bool{}
			for _, g := range tt.back {
				a.back[g] = true
			}
			if got := fateOf(t, a, flowOf(w, tt.kind, tt.rule, tt.on)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestDrainedOnTheLastLine: flows are not ended for the sake of a tier that has fallen again.
func TestDrainedOnTheLastLine(t *testing.T) {
	w := settlingWorld(t, "fibre")
	a := newAssessment(w, namesOf(w))
	a.due = []drain{{group: "internet"}}
	if got := fateOf(t, a, flowOf(w, translated, "moves", "cable")); got != stays {
		t.Errorf("on the tier that is taken: %s", got)
	}
	if got := fateOf(t, a, flowOf(w, translated, "moves", "lte")); got != endsIt {
		t.Errorf("on a later one: %s", got)
	}
}

// TestMovedFlowsAreDealtOut: as new ones are, and by source where that decides.
func TestMovedFlowsAreDealtOut(t *testing.T) {
	w := settlingWorld(t, "fibre")
	a := newAssessment(w, namesOf(w))
	a.fallen = map[string]bool{"fibre": true}
	e := rules.NewEvaluator(w)
	met := map[string]int{}
	for host := range 100 {
		fl := flowOf(w, untranslated, "sticks", "fibre")
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 2, byte(100 + host)}), 40000)
		fl.Orig.Src, fl.Reply.Dst = src, src
		first := fateOf(t, a, fl)
		if again := fateOf(t, a, fl); again != first {
			t.Errorf("%v moves to %s and to %s", src, first, again)
		}
		d := e.Evaluate(rules.Packet{In: "lan", Protocol: config.UDP, Src: src.Addr(), Dst: internetEnd.Addr(), SrcPort: 40000, DstPort: 443, At: friday})
		if d.Rule != "sticks" || d.Steering.Gateways[0].Name != first {
			t.Errorf("%v moves to %s, and its new flows get %+v", src, first, d)
		}
		met[first]++
	}
	if met["cable"] < 25 || met["lte"] < 25 || len(met) != 2 {
		t.Errorf("dealt out by source: %v", met)
	}
}

// namesOf is the rule numbers of a world, turned round.
func namesOf(w *rules.World) map[uint16]string {
	out := map[uint16]string{}
	for name, n := range w.Numbers {
		out[n] = name
	}
	return out
}

// TestUntranslatedFlowsKeepOffTranslatingLines: by a line that translates new flows
// a running one would leave with its inside address, for nobody translates it now.
func TestUntranslatedFlowsKeepOffTranslatingLines(t *testing.T) {
	text := strings.Replace(settling, `outbound = "off"`, `outbound = "automatic"`, 1)
	w := NewWorld(policyOfText(t, text), Learned{}, friday)
	w.Lines = withDown(w, []string{"fibre"}).Lines
	a := newAssessment(w, namesOf(w))
	a.fallen = map[string]bool{"fibre": true}
	moved, ended := a.sort([]flows.Flow{flowOf(w, untranslated, "moves", "fibre")})
	if len(moved) != 0 || len(ended) != 1 {
		t.Errorf("moved %v, ended %v", moved, ended)
	}
}

// TestFlowsAreAdopted: a flow that leaves with the address of a line, and is tied
// to none, is tied to that one when a policy is switched.
func TestFlowsAreAdopted(t *testing.T) {
	w := settlingWorld(t)
	fl := flowOf(w, translated, "moves", "")
	line := fl.Reply.Dst.Addr()
	a := newAssessment(w, namesOf(w))
	a.adopts = a.addressesOfLines()
	moved, ended := a.sort([]flows.Flow{fl, flowOf(w, untranslated, "moves", "")})
	if len(moved) != 1 || len(ended) != 0 || uint16(moved[0].Bits.Value>>flows.GatewayShift) != a.adopts[line] || a.adopts[line] == 0 {
		t.Errorf("moved %v, ended %v, lines %v", moved, ended, a.adopts)
	}
}
