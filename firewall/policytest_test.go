package firewall

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/report"
	"go4.org/netipx"
)

// office is a policy to be tested: two networks, a list and a name of which
// nothing is known, and a rule that a schedule takes away.
const office = `schema = 1

[system]
timezone = "Europe/Paris"

[interface.wan]
device = "wan0"
addresses = ["203.0.113.2/29"]
external = true

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24"]

[interface.dmz]
device = "dmz0"
addresses = ["10.1.3.1/24"]

[alias.listed]
url = "https://lists.example.org/drop.txt"

[alias.updates]
addresses = ["deb.example.org"]

[alias.banned]
dynamic = true

[schedule.office]
times = ["mon-fri 08:00-18:00"]

[gateway.fibre]
interface = "wan"
address = "203.0.113.1"

[[route]]
destination = "default"
gateway = "fibre"

[[rule]]
name = "no-listed"
from = "wan"
source = ["@listed", "@banned"]
action = "block"

[[rule]]
name = "no-mail"
from = "lan"
to = "wan"
protocol = "tcp"
port = "smtp"
action = "reject"

[[rule]]
name = "lan-out"
from = "lan"
to = "wan"
action = "pass"

[[rule]]
name = "guests"
from = "dmz"
to = "wan"
protocol = "tcp"
port = "https"
schedule = "office"
action = "pass"

[[rule]]
name = "updates"
from = "dmz"
to = "wan"
destination = "@updates"
action = "pass"

[[port_forward]]
name = "www"
on = "wan"
protocol = "tcp"
port = 443
target = "10.1.3.10"
pass = true
`

// friday is a working day, at noon in Paris.
var friday = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)

func policyOfText(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(text)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRunTests(t *testing.T) {
	for _, tt := range []struct {
		name, test string
		want       report.TestResult
		message    string // its beginning
	}{
		{"passes", `packet = "lan tcp 10.1.2.9 -> 198.51.100.7:443"
			expect = "pass"`, report.TestPassed, ""},
		{"all that can be asked", `packet = "lan tcp 10.1.2.9 -> 198.51.100.7:443"
			expect = "pass"
			rule = "lan-out"
			source = "203.0.113.2"
			destination = "198.51.100.7"
			gateway = "fibre"`, report.TestPassed, ""},
		{"reject is no block", `packet = "lan tcp 10.1.2.9 -> 198.51.100.7:25"
			expect = "block"`, report.TestFailed, "expected block, got reject by no-mail (line 45)"},
		{"another rule", `packet = "lan tcp 10.1.2.9 -> 198.51.100.7:25"
			expect = "reject"
			rule = "lan-out"`, report.TestFailed, "expected reject by lan-out, got reject by no-mail (line 45)"},
		{"no rule", `packet = "lan tcp 10.1.2.9 -> 10.1.3.10:25"
			expect = "pass"
			rule = "lan-out"`, report.TestFailed, "expected pass by lan-out, got block: "},
		{"other ends", `packet = "lan tcp 10.1.2.9 -> 198.51.100.7:443"
			expect = "pass"
			source = "203.0.113.3"
			destination = "198.51.100.8"`, report.TestFailed,
			"expected source 203.0.113.3, got 203.0.113.2; expected destination 198.51.100.8, got 198.51.100.7"},
		{"no gateway", `packet = "lan tcp 10.1.2.9 -> 203.0.113.3:443"
			expect = "pass"
			gateway = "fibre"`, report.TestFailed, "expected gateway fibre, got none"},
		{"now", `packet = "dmz tcp 10.1.3.99 -> 198.51.100.7:443"
			expect = "pass"
			rule = "guests"`, report.TestPassed, ""},
		{"at night", `packet = "dmz tcp 10.1.3.98 -> 198.51.100.6:443"
			at = "2026-11-23T03:00:00+01:00"
			expect = "pass"`, report.TestUndecided, "it hangs on what is not known here: the addresses of deb.example.org"},
		{"at night, either way", `packet = "dmz tcp 10.1.3.98 -> 198.51.100.6:443"
			at = "2026-11-23T03:00:00+01:00"
			expect = "pass"
			rule = "guests"`, report.TestFailed, "expected pass by guests, got block: "},
		{"long ago", `packet = "dmz tcp 10.1.3.99 -> 198.51.100.7:443"
			at = "2019-11-22T12:00:00+01:00"
			expect = "pass"
			rule = "guests"`, report.TestPassed, ""},
		{"a list that was never fetched", `packet = "wan tcp 198.51.100.7 -> 203.0.113.2:80"
			expect = "block"
			rule = "no-listed"`, report.TestUndecided, "it hangs on what is not known here: what alias listed holds"},
		{"a list that does not matter", `packet = "wan tcp 198.51.100.7 -> 203.0.113.2:80"
			expect = "block"`, report.TestPassed, ""},
		{"a port forward", `packet = "wan tcp 198.51.100.7 -> 203.0.113.2:443"
			expect = "pass"
			rule = "www"
			destination = "10.1.3.10"`, report.TestPassed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := policyOfText(t, office+"\n[[test]]\nname = \"t\"\n"+tt.test)
			got := RunTests(NewWorld(c, Learned{}, friday), friday)
			if len(got) != 1 || got[0].Result != tt.want || !strings.HasPrefix(got[0].Message, tt.message) || (tt.message == "") != (got[0].Message == "") {
				t.Fatalf("got %+v\nwant %s: %s", got, tt.want, tt.message)
			}
			if (got[0].Explanation == nil) != (tt.want == report.TestPassed) {
				t.Errorf("explanation %v", got[0].Explanation)
			}
			if place := got[0]; place.File != "rempart.toml" || place.Line != strings.Count(office, "\n")+2 || place.Col != 1 {
				t.Errorf("it stands at %s:%d:%d", place.File, place.Line, place.Col)
			}
		})
	}
}

// TestRunTestsWithWhatWasLearned decides what hangs on it otherwise.
func TestRunTestsWithWhatWasLearned(t *testing.T) {
	c := policyOfText(t, office+`
[[test]]
name = "t"
packet = "wan tcp 198.51.100.7 -> 203.0.113.2:80"
expect = "block"
rule = "no-listed"
`)
	listed, err := netip.ParsePrefix("198.51.100.0/24")
	if err != nil {
		t.Fatal(err)
	}
	for want, set := range map[report.TestResult]*netipx.IPSet{
		report.TestPassed: listOf(t, listed), report.TestFailed: new(netipx.IPSet),
	} {
		l := Learned{Outside: Outside{Lists: map[string]*netipx.IPSet{"listed": set}}}
		if got := RunTests(NewWorld(c, l, friday), friday); got[0].Result != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	// Who is banned now is no matter of the policy.
	w := withDynamic(NewWorld(c, Learned{Outside: Outside{Lists: map[string]*netipx.IPSet{"listed": new(netipx.IPSet)}}}, friday), Dynamic{"banned": listOf(t, listed)})
	if got := RunTests(w, friday); got[0].Result != report.TestFailed {
		t.Errorf("with a full dynamic alias: %v", got)
	}
}

func listOf(t *testing.T, p netip.Prefix) *netipx.IPSet {
	t.Helper()
	var b netipx.IPSetBuilder
	b.AddPrefix(p)
	s, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRunTestsBesideTheSystem: an interface that the system numbers may lead
// anywhere; when it is the only way out, it leads where nothing else does.
func TestRunTestsBesideTheSystem(t *testing.T) {
	const begin = `schema = 1

[interface.wan]
device = "wan0"
external = true

[interface.lan]
device = "lan0"
addresses = ["10.1.2.1/24"]

[[rule]]
name = "out"
from = "lan"
to = "wan"
action = "pass"

[[test]]
name = "t"
packet = "lan tcp 10.1.2.9 -> 198.51.100.7:443"
expect = "pass"
`
	for _, tt := range []struct {
		name, more string
		want       report.TestResult
	}{
		{"the only way out", "", report.TestPassed},
		{"its address", "source = \"203.0.113.2\"\n", report.TestUndecided},
		{"its gateway", "gateway = \"g\"\n[gateway.g]\ninterface = \"lan\"\naddress = \"10.1.2.5\"\n", report.TestFailed},
		{"another network that the system numbers", "[interface.dmz]\ndevice = \"dmz0\"\n", report.TestUndecided},
		{"another way out", "[interface.wan2]\ndevice = \"wan20\"\nexternal = true\n", report.TestUndecided},
	} {
		c := policyOfText(t, begin+tt.more)
		got := RunTests(NewWorld(c, Learned{}, friday), friday)
		if got[0].Result != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if e := got[0].Explanation; e != nil && strings.Contains(strings.Join(explain.Text(*e, 0), "\n"), "invalid") {
			t.Errorf("%s: a gateway that is not there is named:\n%s", tt.name, strings.Join(explain.Text(*e, 0), "\n"))
		}
	}
}

// failing is testPolicy with a test that fails.
const failing = testPolicy + `
[[test]]
name = "mail stays inside"
packet = "lan tcp 10.1.2.9 -> 198.51.100.7:25"
expect = "block"
`

func TestFailingTestsRefuseAnApply(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	before := m.state()
	p, err := f.Check(t.Context(), draft(failing), m.caller())
	if err != nil || len(p.Faults) != 1 || p.Ruleset != "" || len(p.Tests) != 1 || p.Tests[0].Result != report.TestFailed {
		t.Fatalf("check: %+v, %v", p, err)
	}
	want := report.Fault{
		File: "rempart.toml", Line: strings.Count(testPolicy, "\n") + 2, Col: 1, Key: "test[0]",
		Message: `"mail stays inside": expected block, got pass by lan-out (line 21)`, Explanation: p.Tests[0].Explanation,
	}
	if diff := cmp.Diff(want, p.Faults[0], equalAddrPorts, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, force := range []bool{false, true} {
		var failed report.TestsFailed
		_, err := f.Apply(t.Context(), report.Request{Draft: draft(failing), Force: force}, m.caller())
		if !errors.As(err, &failed) || !errors.Is(err, report.ErrRequest) || len(failed) != 1 {
			t.Errorf("apply, force %v: %v", force, err)
		}
	}
	if after := m.state(); after != before {
		t.Errorf("the machine was changed:\n%s", after)
	}
}

// TestFailingTestsKeepNobodyFromGoingBack: a test may fail today that passed
// when its policy was applied.
func TestFailingTestsKeepNobodyFromGoingBack(t *testing.T) {
	m := newMachine(t)
	m.files = draft(failing)
	f, stop := m.start(t, nil)
	s, err := f.Status(t.Context())
	if err != nil || s.Revision != 1 || !strings.Contains(strings.Join(s.Warnings, "\n"), "mail stays inside") {
		t.Fatalf("first start: %+v, %v", s, err)
	}
	m.apply(t, f, otherPolicy, 0)
	if a, err := f.Rollback(t.Context(), 1, m.caller()); err != nil || a.Revision != 3 || m.enforced(t, failing) == "" {
		t.Errorf("rollback: %+v, %v", a, err)
	}
	stop()
	f, _ = m.start(t, nil)
	if s, err := f.Status(t.Context()); err != nil || s.Revision != 3 {
		t.Errorf("restart: %+v, %v", s, err)
	}
	if err := os.Remove(filepath.Join(m.dir, "memory.json")); err != nil {
		t.Fatal(err)
	}
	if rev, err := Load(t.Context(), m.dir, m.kernel, time.Now()); err != nil || rev != 3 {
		t.Errorf("load: revision %d, %v", rev, err)
	}
}

func TestUndecidedTestsWarn(t *testing.T) {
	m := newMachine(t)
	f, _ := m.start(t, nil)
	policy := strings.Replace(failing, `action = "pass"`, "action = \"pass\"\ndestination = [\"any\", \"!@listed\"]", 1) +
		"\n[alias.listed]\nurl = \"file:///nowhere\"\n"
	p, err := f.Check(t.Context(), draft(policy), m.caller())
	const warning = `test "mail stays inside" in line 28 is not decided: it hangs on what is not known here: what alias listed holds`
	if err != nil || len(p.Faults) > 0 || len(p.Warnings) != 1 || p.Warnings[0] != warning {
		t.Errorf("check: %+v, %v", p, err)
	}
	a, err := f.Apply(t.Context(), report.Request{Draft: draft(policy)}, m.caller())
	if err != nil || len(a.Warnings) != 1 || a.Warnings[0] != warning {
		t.Errorf("apply: %+v, %v", a, err)
	}
}
