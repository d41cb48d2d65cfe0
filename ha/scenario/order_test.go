package scenario_test

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/ha/wire"
	"github.com/rempart/rempart/lab"
)

func TestReleaseAndTakeover(t *testing.T) {
	b := newPair(t, settings{})
	first, second := b.nodes[0], b.nodes[1]
	w := b.watch()
	s := b.client.Stream(server6Port, 500)
	b.reached(s, 200)
	at := time.Now()
	out := first.order("ha", "release")
	t.Logf("%s", out)
	if !strings.Contains(out, "fw2 is master of main") {
		t.Errorf("release says %q", out)
	}
	b.settle(second)
	b.staysFor(2500*time.Millisecond, b.snapshot()) // preference does not take back what was given away
	t.Logf("%s", first.order("ha", "takeover"))
	b.settle(first)
	b.reached(s, 200)
	if _, neither := w.spans(lanVIP, at); neither > noticed {
		t.Errorf("nobody had the address for %s", neither)
	}
	through := s.Stop()
	t.Logf("%v", through)
	if through.Lost > fewLost {
		t.Errorf("two switches lost packets: %v", through)
	}
	b.wantOneMaster()

	second.stop()
	if out, err := first.rempart("ha", "release"); err == nil || !strings.Contains(err.Error(), "nobody to take") {
		t.Errorf("releasing to nobody: %v %q", err, out)
	}
	if out, err := first.rempart("ha", "release", "nobody"); err == nil || !strings.Contains(err.Error(), "no group") {
		t.Errorf("releasing what is not there: %v %q", err, out)
	}
}

// In a planned switch the new master speaks for the addresses once, and after that the old one does not any more.
func TestOldMasterIsSilent(t *testing.T) {
	b := newPair(t, settings{})
	first, second := b.nodes[0], b.nodes[1]
	c := b.client.Capture("eth0", func(frame []byte) bool {
		p, err := wire.Parse(frame)
		return err == nil && p.Gratuitous() && (p.Src == lanVIP || p.Target == lanVIP6 || p.Target == routerVIP)
	})
	first.order("ha", "release")
	b.settle(second)
	b.await("several rounds of announcements", func() bool { return second.status().Counters["announcements"] >= 4 })
	spoke := map[string]bool{}
	for _, p := range c.Stop() {
		switch who := net.HardwareAddr(p.Frame[6:12]).String(); {
		case who == second.host.MAC(lanDevice).String():
			spoke[who] = true
		case len(spoke) > 0:
			t.Errorf("%s speaks for the addresses after the other one", who)
		}
	}
	if len(spoke) == 0 {
		t.Error("the new master was not heard")
	}
	for _, n := range b.nodes {
		for _, v := range n.status().VIPs {
			if v.Conflict != "" {
				t.Errorf("%s sees a conflict of %v with %s", n, v.Address, v.Conflict)
			}
		}
	}
}

// Maintenance survives a restart of the daemon.
func TestMaintenance(t *testing.T) {
	b := newPair(t, settings{})
	first, second := b.nodes[0], b.nodes[1]
	first.order("ha", "maintenance", "on")
	b.settle(second)
	first.stop()
	first.start()
	b.settle(second)
	b.staysFor(2500*time.Millisecond, b.snapshot())
	if m := first.status().Maintenance; m == nil {
		t.Error("the order is forgotten")
	}
	if out, err := second.rempart("ha", "release"); err == nil || !strings.Contains(err.Error(), "worse off") {
		t.Errorf("release to a node in maintenance: %v %q", err, out)
	}
	// It serves all the same when nobody else does.
	second.kill()
	b.await("the node in maintenance to serve", func() bool { return first.role() == "MASTER" })
	second.start()
	b.settle(second)
	first.order("ha", "maintenance", "off")
	b.settle(first)
	b.wantOneMaster()
	b.awaitPass()
}

// findings are what a doctor finds that is not good, and whether he was content.
func (n *node) findings() (ill []view.Finding, content bool) {
	n.Helper()
	out, err := n.rempart("ha", "doctor", "--json")
	seen := 0
	for line := range strings.Lines(out) {
		var f view.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			n.Fatalf("%v in %q", err, line)
		}
		seen++
		unpaired := f.Check == "keys" // as all nodes here are
		if (f.Result == view.Bad || f.Result == view.Doubt) && !unpaired {
			ill = append(ill, f)
		}
	}
	if seen == 0 {
		n.Fatalf("the doctor says nothing: %v", err)
	}
	return ill, err == nil
}

// wantFinding waits until a doctor finds something, with a remedy.
func (n *node) wantFinding(check, on string) {
	n.Helper()
	var ill []view.Finding
	content := true
	found := func(f view.Finding) bool {
		return strings.Contains(f.Check, check) && f.On == on && f.Remedy != "" && f.Text != ""
	}
	if !lab.Poll(waitAtMost, func() bool {
		ill, content = n.findings()
		for _, f := range ill {
			if found(f) {
				n.Logf("%s on %s: %s", f.Check, f.On, f.Text)
				return true
			}
		}
		return false
	}) {
		n.Errorf("the doctor does not find %s on %q: %+v", check, on, ill)
	} else if content && !onlyDoubts(ill) {
		n.Error("the doctor finds something bad and is content")
	}
}

func onlyDoubts(ill []view.Finding) bool {
	for _, f := range ill {
		if f.Result == view.Bad {
			return false
		}
	}
	return true
}

const noMulticast4 = `table netdev deaf_%[1]s {
	chain in { type filter hook ingress device %[1]q priority 0; ether daddr 01:00:5e:00:00:12 drop; }
}`

func TestDoctorOfAnIllPair(t *testing.T) {
	b := newPair(t, settings{})
	first, second := b.nodes[0], b.nodes[1]
	b.drop("wan", noMulticast4)
	second.host.MTU(cableDevice, 1400)
	second.host.Sysctl("net.netfilter.nf_conntrack_udp_timeout", "7")
	first.wantFinding("MTU", "cable")
	first.wantFinding("IPv4 multicast", "wan")
	first.wantFinding("kernel limits", "")
	second.kill()
	first.wantFinding("peer", "")
}
