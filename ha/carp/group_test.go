package carp

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// t0 is when a test begins, and after is so long later.
var t0 = time.Unix(1_700_000_000, 0)

func after(d time.Duration) time.Time { return t0.Add(d) }

var (
	lower = netip.MustParseAddr("192.0.2.2")
	self  = netip.MustParseAddr("192.0.2.3")
	upper = netip.MustParseAddr("192.0.2.4")
)

// show is what a group asks for and when it is due next, in one line.
func show(actions []Action, due time.Time) string {
	var words []string
	for _, a := range actions {
		if a.Changed {
			words = append(words, fmt.Sprintf("%v (%s)", a.Become, a.Why))
		}
		for _, s := range a.Send {
			words = append(words, fmt.Sprintf("send %d:%d/%d/%d", s.Ad.VHID, s.Ad.AdvBase, s.Ad.AdvSkew, s.Ad.Demote))
		}
		if a.Announce {
			words = append(words, "announce")
		}
	}
	if due.IsZero() {
		words = append(words, "due never")
	} else {
		words = append(words, "due "+due.Sub(t0).String())
	}
	return strings.Join(words, ", ")
}

// situations are what a group can be in, one second after the last that happened.
var situations = [...]string{"init", "backup", "backup, not electing", "master", "master, not electing"}

// situate makes a group of one virtual host with base 1 and skew 128 that is in a situation.
// Its master-down time is 3.5 s and its interval 1.5 s.
func situate(what string, preempt bool, demotion int) *Group {
	g := NewGroup(Config{Preempt: preempt, AdvBase: 1, AdvSkew: 128, VHosts: []VHost{{VHID: 1, Link: "wan", V4: true}}})
	g.Demote(t0, demotion)
	if what == "init" {
		return g
	}
	g.Start(t0)
	if strings.HasPrefix(what, "master") {
		g.Take(t0, "test")
	}
	if strings.HasSuffix(what, "electing") {
		g.Elect(t0, false)
	}
	return g
}

// hear makes an event of an advertisement.
func hear(src netip.Addr, base, skew, demote uint8) func(*Group, time.Time) []Action {
	return func(g *Group, now time.Time) []Action {
		return g.Receive(now, Heard{Link: "wan", Src: src, Own: self,
			Ad: Ad{VHID: 1, AdvBase: base, AdvSkew: skew, Demote: demote}})
	}
}

func reconfigure(change func(*Config)) func(*Group, time.Time) []Action {
	return func(g *Group, now time.Time) []Action {
		c := g.config
		c.VHosts = append([]VHost(nil), c.VHosts...)
		change(&c)
		return g.Configure(now, c)
	}
}

// TestEveryEventInEverySituation holds what a group does against testdata/group.txt, a block for each event and
// in it a line for each situation.
func TestEveryEventInEverySituation(t *testing.T) {
	var got strings.Builder
	for _, e := range events() {
		fmt.Fprintf(&got, "\n%s\n", e.name)
		for _, s := range situations {
			g := situate(s, e.preempt, e.demotion)
			before := g.State()
			actions := e.do(g, after(cmp.Or(e.at, time.Second)))
			fmt.Fprintf(&got, "  %-28s%s\n", s+":", show(actions, g.Deadline()))
			became := before
			for _, a := range actions {
				if a.Changed {
					became = a.Become
				}
			}
			if became != g.State() || len(actions) > 1 || len(actions) == 1 && actions[0].Changed && became == before {
				t.Errorf("%s, %s: %v before, %v now, and actions are %+v", s, e.name, before, g.State(), actions)
			}
		}
	}
	want, err := os.ReadFile("testdata/group.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
