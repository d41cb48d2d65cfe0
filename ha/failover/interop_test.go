package failover_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/ha/view"
	"github.com/rempart/rempart/lab"
)

func TestUcarpFollows(t *testing.T) {
	x := newMixed(t, mix{theirSkew: 100})
	x.startOurs(t)
	waitFor(t, "our node to be master", func() bool { return x.ourRole() == "MASTER" })
	x.startTheirs(t)
	x.await(t, "MASTER", "BACKUP")
	x.keep(t, 5, "MASTER", "BACKUP")
	x.gateway(t, x.ours)

	x.ours.signal(t, syscall.SIGKILL)
	waitFor(t, "ucarp to be master", func() bool { return x.theirRole() == "MASTER" })
	x.gateway(t, x.theirs)
}

func TestUcarpLeads(t *testing.T) {
	x := newMixed(t, mix{skew: 100})
	x.startTheirs(t)
	waitFor(t, "ucarp to be master", func() bool { return x.theirRole() == "MASTER" })
	x.startOurs(t)
	x.await(t, "BACKUP", "MASTER")
	x.keep(t, 5, "BACKUP", "MASTER")
	x.gateway(t, x.theirs)
	x.sees(t, "a foreign peer", func(s view.Status) bool { return s.Peer.State == "foreign" && len(s.Peer.Foreign) == 1 })

	x.stopTheirs(t)
	waitFor(t, "our node to be master", func() bool { return x.ourRole() == "MASTER" })
	x.gateway(t, x.ours)
}

// TestUcarpPreemption lets the better node come second.
func TestUcarpPreemption(t *testing.T) {
	tests := []struct {
		name         string
		mix          mix
		oursFirst    bool
		ours, theirs string
	}{
		{"ours takes", mix{preempt: true, theirSkew: 100}, false, "MASTER", "BACKUP"},
		{"ours waits", mix{theirSkew: 100}, false, "BACKUP", "MASTER"},
		{"theirs takes", mix{skew: 100, theirFlags: []string{"--preempt"}}, true, "BACKUP", "MASTER"},
		{"theirs waits", mix{skew: 100}, true, "MASTER", "BACKUP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newMixed(t, tt.mix)
			if tt.oursFirst {
				x.startOurs(t)
				waitFor(t, "our node to be master", func() bool { return x.ourRole() == "MASTER" })
				x.startTheirs(t)
			} else {
				x.startTheirs(t)
				waitFor(t, "ucarp to be master", func() bool { return x.theirRole() == "MASTER" })
				x.startOurs(t)
			}
			x.await(t, tt.ours, tt.theirs)
			x.keep(t, 5, tt.ours, tt.theirs)
		})
	}
}

// TestUcarpAsGood leaves it to the addresses who is master, as long as there is one.
func TestUcarpAsGood(t *testing.T) {
	x := newMixed(t, mix{})
	x.startOurs(t)
	x.startTheirs(t)
	one := func() bool {
		ours, theirs := x.ourRole(), x.theirRole()
		return ours == "MASTER" && theirs == "BACKUP" || ours == "BACKUP" && theirs == "MASTER"
	}
	waitFor(t, "one master", one)
	x.keep(t, 5, x.ourRole(), x.theirRole())
	if !one() {
		t.Errorf("ours is %q and theirs %q", x.ourRole(), x.theirRole())
	}
}

// TestUcarpLongKey uses all the bytes that ucarp takes of a password.
func TestUcarpLongKey(t *testing.T) {
	x := newMixed(t, mix{key: "0123456789abcdefghi", theirSkew: 100})
	x.startOurs(t)
	waitFor(t, "our node to be master", func() bool { return x.ourRole() == "MASTER" })
	x.startTheirs(t)
	x.await(t, "MASTER", "BACKUP")
	x.keep(t, 5, "MASTER", "BACKUP")
}

// TestUcarpWrongKey makes two masters, which is all that CARP can do, and says why.
func TestUcarpWrongKey(t *testing.T) {
	x := newMixed(t, mix{theirSkew: 100, theirKey: "other"})
	x.startOurs(t)
	x.startTheirs(t)
	x.await(t, "MASTER", "MASTER")
	x.sees(t, "another secret", func(s view.Status) bool { return warns(s, "another secret") && warns(s, x.theirs.lan()) })
	if logged := strings.Count(x.ours.output(), "refused"); logged > 10 {
		t.Errorf("%d lines of log about it", logged)
	}
}

// TestUcarpHearsGoodbye compares with what ucarp would wait for a master that says nothing: three
// times the base. Our node has to have heard ucarp once, for a backup says nothing of itself, and
// without anyone to take them the addresses stay.
func TestUcarpHearsGoodbye(t *testing.T) {
	tests := map[string]func(t *testing.T, x *mixed){
		"stop": func(t *testing.T, x *mixed) { x.ours.signal(t, syscall.SIGTERM) },
		"release": func(t *testing.T, x *mixed) {
			if out, err := x.ours.rempart("ha", "release"); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		},
	}
	for name, goodbye := range tests {
		t.Run(name, func(t *testing.T) {
			const base = 3
			x := newMixed(t, mix{preempt: true, theirSkew: 100, base: base})
			x.startTheirs(t)
			waitFor(t, "ucarp to be master", func() bool { return x.theirRole() == "MASTER" })
			x.startOurs(t)
			x.await(t, "MASTER", "BACKUP")
			x.keep(t, 2, "MASTER", "BACKUP")
			said := time.Now()
			goodbye(t, x)
			waitFor(t, "ucarp to be master", func() bool { return x.theirRole() == "MASTER" })
			if took := time.Since(said); took > 3*base*time.Second/2 {
				t.Errorf("ucarp took %s", took)
			}
			x.gateway(t, x.theirs)
		})
	}
}

// TestUcarpSpeaksLate announces the address for ucarp while our node has it, as ucarp does two
// advertisements after it became master, whatever has happened since.
func TestUcarpSpeaksLate(t *testing.T) {
	x := newMixed(t, mix{theirSkew: 100})
	x.startOurs(t)
	waitFor(t, "our node to be master", func() bool { return x.ourRole() == "MASTER" })
	x.startTheirs(t)
	x.await(t, "MASTER", "BACKUP")
	x.keep(t, 6, "MASTER", "BACKUP") // what our node announces by itself is over by then
	x.gateway(t, x.ours)

	again := x.client.Capture("eth0", claims(lanVIP, x.ours.host.MAC(lanDevice)))
	mac := x.theirs.host.MAC(lanDevice)
	late := append([]byte("\xff\xff\xff\xff\xff\xff"), mac...)
	late = append(late, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"...)
	for range 2 { // as sender and as target
		late = append(append(late, mac...), "\x0a\x0a\x00\x01"...)
	}
	if err := x.theirs.host.SendFrame(lanDevice, late); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "our node to contradict", func() bool { return len(again.Packets()) > 0 })
	x.gateway(t, x.ours)
}

// TestUcarpKnowsOneAddress gives a vhid two addresses. ucarp cannot have them both, so the two do not
// understand each other, and doctor knows what to do.
func TestUcarpKnowsOneAddress(t *testing.T) {
	x := newMixed(t, mix{theirSkew: 100, more: `
[[vip]]
interface = "lan"
address   = "10.10.0.9/24"
vhid      = 1
`})
	x.startOurs(t)
	x.startTheirs(t)
	x.await(t, "MASTER", "MASTER")
	x.sees(t, "other addresses", func(s view.Status) bool { return warns(s, "other addresses") })
	out, err := x.ours.rempart("ha", "doctor", "--json")
	if err == nil || !strings.Contains(out, "a vhid with several addresses cannot be shared with ucarp") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// gateway waits until the client reaches its gateway and knows it by a node's hardware address.
func (x *mixed) gateway(t *testing.T, n *node) {
	t.Helper()
	mac := n.host.MAC(lanDevice).String()
	var known string
	if !lab.Poll(waitAtMost, func() bool {
		// Of both nodes the client gets no answer but for addresses that they have; our policy lets nobody ping.
		_ = x.client.UDP(t.Context(), port(lanVIP, serverPort), lab.Within(50*time.Millisecond))
		known, _ = x.client.Run(t.Context(), "ip", "neighbour", "show", lanVIP)
		return strings.Contains(known, mac)
	}) {
		t.Errorf("the client knows its gateway as %q, want %s, which is %s", known, mac, n.host.Name())
	}
}
