package firewall

import (
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// TestUplinksOnDown lets the one line of a rule die: what the rule said of that is what happens.
func TestUplinksOnDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, onDown string
		then         string // a rule behind
		want         string // the line that new flows take; empty: none
		blockedBy    string
	}{
		{"next, and another rule passes", "next", passesOut, "fibre", ""},
		{"next, and nothing passes", "next", "", "", "block_default"},
		{"by default next", "", passesOut, "fibre", ""},
		{"block", "block", passesOut, "", "block_gateway"},
		{"default route", "default-route", "", "fibre", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newUplinks(t, 2)
			keys := ""
			if tt.onDown != "" {
				keys = "on_down = \"" + tt.onDown + "\"\n"
			}
			s.applyLines(t, map[string]string{"cable": keys, "cable6": keys}, defaults("fibre")+`
[[rule]]
name = "secret"
from = "lan"
action = "pass"
gateway = "cable"

[[rule]]
name = "secret6"
from = "lan"
action = "pass"
gateway = "cable6"
`+tt.then)
			fibre, cable := s.line("fibre"), s.line("cable")
			strays := s.watchLines(t)
			wrongLine := s.watchSilence(t, addr("192.0.2.7"), fibre)
			for _, to := range outside {
				s.awaitNew(t, to, "cable")
			}
			c := openCrowd(t, s.office, 50, addrPort(outside["IPv4"]))
			stream := s.office.Stream(addrPort("192.0.2.7:53"), 200)
			cable.wire.Set(lab.Impairment{Loss: 100})
			if tt.want != "" {
				wrongLine() // until the line is known to be dead, at least
				for _, to := range outside {
					s.awaitNew(t, to, tt.want)
				}
			} else {
				waitFor(t, tt.blockedBy+" counts", func() bool {
					before := s.counters(t)[tt.blockedBy]
					s.leaves(t, s.office, outside["IPv4"], lab.Within(patience))
					return s.counters(t)[tt.blockedBy] > before
				})
			}
			awaitResets(t, c.callers, time.Now())
			stream.Stop()
			if tt.want == "" {
				wrongLine()
			}
			cable.wire.Set(lab.Impairment{})
			for _, to := range outside {
				s.awaitNew(t, to, "cable")
			}
			strays()
		})
	}
}

const passesOut = "\n[[rule]]\nname = \"out\"\nfrom = \"inside\"\naction = \"pass\"\n"
