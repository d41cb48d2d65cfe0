package packetlog

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReasonPrefix(t *testing.T) {
	for _, tc := range []struct {
		reason Reason
		want   string
	}{
		{Reason{Pass, CauseRule, "lan-out"}, "rempart pass rule lan-out"},
		{Reason{Block, CauseDefault, ""}, "rempart block default"},
		{Reason{Block, CauseLimit, "guests-web"}, "rempart block limit guests-web"},
		{Reason{Reject, CauseRule, "no lateral"}, "rempart reject rule no lateral"},
		{Reason{Block, CauseSpoofed, "lan"}, "rempart block spoofed lan"},
	} {
		if got := tc.reason.Prefix(); got != tc.want {
			t.Errorf("prefix %q, want %q", got, tc.want)
		}
		got, err := ParsePrefix(tc.want)
		if err != nil || got != tc.reason {
			t.Errorf("%q read as %+v, %v", tc.want, got, err)
		}
	}
}

// TestEveryReasonFits goes through all actions and causes with the longest name.
func TestEveryReasonFits(t *testing.T) {
	name := strings.Repeat("n", MaxRule)
	for a := range Action(len(actionNames())) {
		for c := range Cause(len(causeNames())) {
			if a == 0 || c == 0 {
				continue
			}
			r := Reason{a, c, name}
			p := r.Prefix()
			if len(p) > 127 {
				t.Errorf("%q has %d bytes", p, len(p))
			}
			if got, err := ParsePrefix(p); err != nil || got != r {
				t.Errorf("%q read as %+v, %v", p, got, err)
			}
		}
	}
}

func TestLongRuleIsCut(t *testing.T) {
	r := Reason{Block, CauseRule, strings.Repeat("n", MaxRule-1) + "éé"}
	if got, want := r.Prefix(), "rempart block rule "+strings.Repeat("n", MaxRule-1); got != want {
		t.Errorf("prefix %q, want %q", got, want)
	}
}

func TestParsePrefixRefuses(t *testing.T) {
	for _, tc := range []struct{ prefix, want string }{
		{"", `log prefix "": want "rempart", an action and a cause`},
		{"rempart block", `log prefix "rempart block": want "rempart", an action and a cause`},
		{"DROP in eth0", `log prefix "DROP in eth0": want "rempart", an action and a cause`},
		{" rempart block default", `log prefix " rempart block default": want "rempart", an action and a cause`},
		{"rempart drop default", `log prefix "rempart drop default": action "drop": want one of pass, block, reject`},
		{"rempart  default", `log prefix "rempart  default": action "": want one of pass, block, reject`},
		{"rempart block mood", `log prefix "rempart block mood": cause "mood": want one of rule, default, invalid, nosyn, ` +
			`spoofed, bogon, limit, admin, forward, automatic, gateway`},
		{"rempart block rule", `log prefix "rempart block rule": want a name of 1 to 64 bytes after the cause`},
		{"rempart block default ", `log prefix "rempart block default ": want a name of 1 to 64 bytes after the cause`},
		{"rempart block rule " + strings.Repeat("n", 65), `log prefix "rempart block rule ` + strings.Repeat("n", 65) +
			`": want a name of 1 to 64 bytes after the cause`},
	} {
		r, err := ParsePrefix(tc.prefix)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: %+v, %v, want %s", tc.prefix, r, err, tc.want)
		}
	}
}

func TestReasonJSON(t *testing.T) {
	want := Reason{Block, CauseLimit, "guests-web"}
	b, err := json.Marshal(want)
	if err != nil || string(b) != `{"action":"block","cause":"limit","rule":"guests-web"}` {
		t.Errorf("marshalled as %s, %v", b, err)
	}
	var got Reason
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changed on the way (-want +got):\n%s", diff)
	}
	for _, in := range []string{`{"action":""}`, `{"cause":"mood"}`} {
		if err := json.Unmarshal([]byte(in), &got); err == nil {
			t.Errorf("%s was read", in)
		}
	}
}

func FuzzParsePrefix(f *testing.F) {
	for _, s := range []string{"rempart pass rule lan-out", "rempart block default", "rempart block limit ", "rempart  rule x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParsePrefix(s)
		if err != nil {
			return
		}
		if again := r.Prefix(); again != s {
			t.Errorf("%q read as %+v, which is %q", s, r, again)
		}
	})
}

func FuzzPrefix(f *testing.F) {
	f.Add(uint8(1), uint8(1), "lan-out")
	f.Add(uint8(9), uint8(200), strings.Repeat("é", 80))
	f.Fuzz(func(t *testing.T, action, cause uint8, rule string) {
		r := Reason{Action(action), Cause(cause), rule}
		p := r.Prefix()
		if len(p) > 127 {
			t.Errorf("%+v: %d bytes", r, len(p))
		}
		if got, err := ParsePrefix(p); err == nil && (got.Action != r.Action || got.Cause != r.Cause || !strings.HasPrefix(rule, got.Rule)) {
			t.Errorf("%+v came back as %+v", r, got)
		}
	})
}
