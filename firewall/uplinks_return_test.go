package firewall

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules/steer"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// TestUplinksFailBack brings the first tier back under flows on the second.
func TestUplinksFailBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, keys string
		rule       string // what the rule says, which counts more
		ends       bool
		notBefore  time.Duration
	}{
		{name: "keep"},
		{name: "keep, by name", keys: "fail_back = \"keep\"\n"},
		{name: "drain", keys: "fail_back = \"drain\"\ndrain = \"3s\"\n", ends: true, notBefore: 3 * time.Second},
		{name: "end", keys: "fail_back = \"end\"\n", ends: true},
		{name: "the rule ends", rule: "fail_back = \"end\"\n", ends: true},
		{name: "the rule keeps", keys: "fail_back = \"end\"\n", rule: "fail_back = \"keep\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newUplinks(t, 2)
			rule := throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, tt.keys)
			s.applyLines(t, nil, replaceOnce(t, rule, "gateway = \"internet\"\n", "gateway = \"internet\"\n"+tt.rule))
			fibre := s.line("fibre")
			fibre.wire.Pull()
			s.awaitNew(t, outside["IPv4"], "cable")
			c := openCrowd(t, s.office, 50, addrPort(outside["IPv4"]))
			awaitEchoes(t, c.callers)
			fibre.wire.Push()
			begin := time.Now()
			if tt.ends {
				awaitResets(t, c.callers, begin)
				for _, one := range c.callers {
					if at, _ := one.fate(); at.Sub(begin) < tt.notBefore {
						t.Fatalf("connection %d ended after %s", one.id, at.Sub(begin))
					}
				}
			}
			s.awaitNew(t, outside["IPv4"], "fibre")
			if !tt.ends {
				awaitEchoes(t, c.callers)
			}
			late := openCrowd(t, s.office, 10, addrPort(outside["IPv4"]))
			if got := len(late.over(fibre)); got != len(late.callers) {
				t.Errorf("%d of %d new ones by fibre", got, len(late.callers))
			}
			awaitEchoes(t, late.callers)
		})
	}
}

// TestUplinksFlapping has a line come and go: it is left once, and not taken
// again before it has been well for as long as the policy says.
func TestUplinksFlapping(t *testing.T) {
	t.Parallel()
	s := newUplinks(t, 2)
	s.watch = replaceOnce(t, quickly, `up_after = "1s"`, `up_after = "4s"`)
	s.applyLines(t, nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, ""))
	s.awaitNew(t, outside["IPv4"], "fibre")
	ways := s.watchDefault(t)
	fibre := s.line("fibre")
	const beat, times = time.Second, 15
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for range times {
		fibre.wire.Pull()
		<-tick.C
		fibre.wire.Push()
		<-tick.C
	}
	s.awaitNew(t, outside["IPv4"], "fibre")
	back := fibre.hop().String()
	waitFor(t, "the default route by fibre", func() bool { got := ways(); return len(got) > 0 && got[len(got)-1] == back })
	if got := ways(); len(got) < 2 || len(got) > 6 {
		t.Errorf("the default route went by %q", got)
	}
}

// watchDefault notes the ways that the IPv4 default route takes from now on, until done.
func (s *uplinks) watchDefault(t *testing.T) (ways func() []string) {
	t.Helper()
	updates, stop := make(chan netlink.RouteUpdate), make(chan struct{})
	ns := netns.NsHandle(s.ns.Fd())
	if err := netlink.RouteSubscribeWithOptions(updates, stop, netlink.RouteSubscribeOptions{Namespace: &ns}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	var work sync.WaitGroup
	work.Go(func() {
		for u := range updates {
			if u.Type != unix.RTM_NEWROUTE || u.Family != netlink.FAMILY_V4 || u.Table != unix.RT_TABLE_MAIN || u.Dst != nil && u.Dst.String() != "0.0.0.0/0" {
				continue
			}
			mu.Lock()
			seen = append(seen, u.Gw.String())
			mu.Unlock()
		}
	})
	t.Cleanup(func() { close(stop); work.Wait() })
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Compact(slices.Clone(seen))
	}
}

// TestUplinksTriggers has a line go bad and not die: new flows avoid it, old ones stay.
func TestUplinksTriggers(t *testing.T) {
	t.Parallel()
	const lenient = "delay_warning = \"100ms\"\ndelay_down = \"0s\"\nloss_warning = 10\nloss_down = 0\ndown_after = \"3s\"\n"
	for _, tt := range []struct {
		name, trigger string
		bad           lab.Impairment
	}{
		{"delay", `trigger = ["delay"]`, lab.Impairment{Delay: 200 * time.Millisecond}},
		{"loss", `trigger = ["loss"]`, lab.Impairment{Loss: 30}},
		{"jitter", `trigger = ["jitter"]`, lab.Impairment{Jitter: 400 * time.Millisecond}},
		{"none", "", lab.Impairment{Delay: 200 * time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newUplinks(t, 2)
			s.watch = replaceOnce(t, quickly, "down_after = \"1s\"\n", lenient+"jitter_warning = \"50ms\"\n")
			s.applyLines(t, nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, tt.trigger+"\n"))
			c := openCrowd(t, s.office, 50, addrPort(outside["IPv4"]))
			awaitEchoes(t, c.callers)
			fibre := s.line("fibre")
			if got := len(c.over(fibre)); got != len(c.callers) {
				t.Fatalf("%d of %d by fibre", got, len(c.callers))
			}
			fibre.wire.Set(tt.bad)
			if tt.trigger == "" {
				waitFor(t, "a warning", func() bool { return s.Firewall.Gateways.Lines()["fibre"].State == steer.Warning })
				s.awaitNew(t, outside["IPv4"], "fibre")
			} else {
				s.awaitNew(t, outside["IPv4"], "cable")
			}
			awaitEchoes(t, c.callers)
			fibre.wire.Set(lab.Impairment{})
			s.awaitNew(t, outside["IPv4"], "fibre")
			awaitEchoes(t, c.callers)
		})
	}
}
