package hooks

import (
	"strings"
	"testing"
)

func TestTied(t *testing.T) {
	// Each step is GROUP=ROLE, or what happens: fail, the last request did not succeed. After each step
	// the word is what is asked for, if anything.
	for _, c := range []struct{ name, steps, want string }{
		{"a backup at first", "a=INIT a=BACKUP", "stop -"},
		{"a master at first", "a=MASTER", "start"},
		{"back and forth", "a=BACKUP a=MASTER a=BACKUP", "stop start stop"},
		{"releasing is still master", "a=MASTER a=RELEASING a=MASTER", "start - -"},
		{"released", "a=MASTER a=RELEASING a=BACKUP", "start - stop"},
		{"releasing without having been", "a=RELEASING", "stop"},
		{"two groups", "a=MASTER b=MASTER a=BACKUP b=BACKUP", "start - - stop"},
		{"asked again after a failure", "a=MASTER fail b=BACKUP", "start - start"},
		{"not by itself", "a=MASTER fail", "start -"},
	} {
		tied := newTied()
		var got []string
		for step := range strings.FieldsSeq(c.steps) {
			if group, role, ok := strings.Cut(step, "="); ok {
				tied.see(Change{Group: group, To: role})
			} else {
				tied.fail()
			}
			word := "-"
			if tied.waits() {
				word = "stop"
				if tied.take() {
					word = "start"
				}
			}
			got = append(got, word)
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s: %s: %s, want %s", c.name, c.steps, got, c.want)
		}
	}
}

// A change that comes while a request fails is not lost with it.
func TestTiedFailsLate(t *testing.T) {
	tied := newTied()
	tied.see(Change{Group: "a", To: master})
	if !tied.take() {
		t.Fatal("a master starts nothing")
	}
	tied.see(Change{Group: "a", To: "BACKUP"})
	tied.fail()
	if !tied.waits() || tied.take() {
		t.Error("the services of a backup are not stopped")
	}
}
