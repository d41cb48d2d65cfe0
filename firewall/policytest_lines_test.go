package firewall

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/report"
)

// TestRunTestsWithLines: lines are up in a test, whatever they are now, but those that it says are down.
func TestRunTestsWithLines(t *testing.T) {
	const web = `packet = "lan tcp 10.1.2.9 -> 198.51.102.7:443"
		expect = "pass"
		`
	for _, tt := range []struct {
		name, test string
		want       report.TestResult
		message    string // its beginning
	}{
		{"any line", web, report.TestPassed, ""},
		{"one of them", web + `gateway = "cable"`, report.TestPassed, ""},
		{"one of them, and its address", web + "gateway = \"cable\"\nsource = \"192.0.2.2\"", report.TestPassed, ""},
		{"one of them, and another address", web + "gateway = \"cable\"\nsource = \"203.0.113.2\"", report.TestFailed, "expected source 203.0.113.2, got 192.0.2.2"},
		{"the address of one of them", web + `source = "203.0.113.2"`, report.TestFailed, "expected source 203.0.113.2, got 192.0.2.2 by gateway cable"},
		{"a later tier", web + `gateway = "lte"`, report.TestFailed, "expected gateway lte, got fibre or cable"},
		{"fail-over within a tier", web + "source = \"192.0.2.2\"\ndown = \"fibre\"", report.TestPassed, ""},
		{"fail-over to a later tier", web + "gateway = \"lte\"\ndown = [\"fibre\", \"cable\"]", report.TestPassed, ""},
		{"an address that nobody knows yet", web + "source = \"100.64.7.2\"\ndown = [\"fibre\", \"cable\"]", report.TestUndecided, "it leaves with whichever address wan3 has then"},
		{"on_down = next", `packet = "lan tcp 10.1.2.9 -> 198.51.102.7:25"
			expect = "pass"
			rule = "out"
			gateway = "fibre"
			down = "cable"`, report.TestPassed, ""},
		{"on_down = block", `packet = "lan udp 10.1.2.9 -> 198.51.102.7:5060"
			expect = "block"
			rule = "voip"
			down = "cable"`, report.TestPassed, ""},
		{"on_down = block, unforeseen", `packet = "lan udp 10.1.2.9 -> 198.51.102.7:5060"
			expect = "pass"
			down = "cable"`, report.TestFailed, "expected pass, got block by voip (line 68)"},
		{"on_down = default-route", `packet = "lan udp 10.1.2.9 -> 198.51.102.7:123"
			expect = "pass"
			rule = "time"
			gateway = "fibre"
			down = "cable"`, report.TestPassed, ""},
		{"all lines", `packet = "lan tcp 10.1.2.9 -> 198.51.102.7:443"
			expect = "block"
			down = ["fibre", "cable", "lte"]`, report.TestPassed, ""},
		{"to the inside", `packet = "lan tcp 10.1.2.9 -> 10.1.2.99:443"
			expect = "pass"
			gateway = "fibre"`, report.TestFailed, "expected gateway fibre, got none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := policyOfText(t, uplinked+"\n[[test]]\nname = \"t\"\n"+tt.test)
			w := NewWorld(c, Learned{}, friday)
			w.Lines = withDown(w, []string{"fibre", "lte"}).Lines
			got := RunTests(w, friday)[0]
			if got.Result != tt.want || !strings.HasPrefix(got.Message, tt.message) || (tt.message == "") != (got.Message == "") {
				t.Fatalf("got %+v\nwant %s: %s", got, tt.want, tt.message)
			}
			if e := got.Explanation; e != nil && strings.Contains(tt.test, "down") != (len(e.Down) > 0) {
				t.Errorf("explained with %v down", e.Down)
			}
		})
	}
}
