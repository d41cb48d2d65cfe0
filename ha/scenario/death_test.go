package scenario_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// The addresses of a master whose program was killed stay in its kernel until their lease ends; the other
// node has them long before, and says so again and again.
func TestKilledMaster(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	w := b.watch()
	at := time.Now()
	old.kill()
	b.tookOver(w, heir, at)
	b.awaitPass()
	b.await("the leases to end", func() bool {
		return !old.has(lanVIP) && !old.has(lanVIP6) && !old.has(routerVIP) && !old.has(wanVIP) && !old.has(wanVIP6)
	})
	lease := w.when(old, lanVIP, false, at).Sub(at)
	t.Logf("the lease of %v ended after %s", lanVIP, lease)
	if lease > 20*time.Second {
		t.Errorf("the address stayed for %s", lease)
	}
	b.awaitPass()

	// Alone its addresses have no end.
	for _, a := range []string{"10.10.0.1", "fd10::1"} {
		if out := heir.run("ip", "address", "show", "to", a); !strings.Contains(out, "valid_lft forever") {
			t.Errorf("without a peer: %s", out)
		}
	}
	// It comes back, and the preferred node takes the role by a planned switch.
	at = time.Now()
	old.start()
	b.settle(old)
	if _, neither := w.spans(lanVIP, at); neither > noticed {
		t.Errorf("nobody had the address for %s", neither)
	}
	b.wantOneMaster()
	b.awaitPass()
}

// tookOver waits until a node has all addresses, and logs how long it took from the fault.
func (b *bed) tookOver(w *watch, heir *node, fault time.Time) {
	b.Helper()
	b.await(heir.String()+" to take over", func() bool {
		return !w.when(heir, lanVIP, true, fault).IsZero() && !w.when(heir, wanVIP6, true, fault).IsZero()
	})
	took := w.when(heir, wanVIP6, true, fault).Sub(fault)
	b.Logf("takeover by %s after %s", heir, took)
	if took > takeoverAtMost {
		b.Errorf("takeover took %s", took)
	}
}

// awaitPass waits until the client's traffic gets to the server and back.
func (b *bed) awaitPass() {
	b.Helper()
	b.await("traffic to pass", func() bool {
		return b.client.UDP(b.Context(), server4Port, lab.Within(time.Second)).Outcome == lab.Open &&
			b.client.UDP(b.Context(), server6Port, lab.Within(time.Second)).Outcome == lab.Open
	})
}

// A program that is stopped for two seconds is stunned: its kernel forwards, so the role stays.
func TestStoppedForAWhile(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	s := b.client.Stream(server4Port, 200)
	w := b.watch()
	at := time.Now()
	old.signal(syscall.SIGSTOP)
	b.await("the master to be stunned", func() bool { return heir.status().Peer.State == "stunned" })
	t.Logf("stunned after %s", time.Since(at))
	for time.Since(at) < 2*time.Second { // what must not happen has this long to happen
		if s := heir.status(); !allAre(s, "BACKUP") {
			t.Fatalf("%s has %+v although the master's kernel answers", heir, s.Groups)
		}
		time.Sleep(20 * time.Millisecond)
	}
	old.signal(syscall.SIGCONT)
	b.await("the peer to be alive again", func() bool { return heir.status().Peer.State == "alive" })
	b.settle(old)
	if both, _ := w.spans(lanVIP, at); both > handover {
		t.Errorf("both nodes had the address for %s", both)
	}
	b.wantOneMaster()
	if sum := s.Stop(); sum.LostRun > 20 {
		t.Errorf("traffic noticed: %v", sum)
	}
}

// A program that is stopped for longer than anybody waits loses the role and the addresses.
func TestStoppedForLong(t *testing.T) {
	b := newPair(t, settings{ha: `interval = "50ms"`}) // stunned: 3 s
	old, heir := b.nodes[0], b.nodes[1]
	w := b.watch()
	at := time.Now()
	old.signal(syscall.SIGSTOP)
	b.await("the role to move", func() bool { return heir.role() == "MASTER" })
	took := time.Since(at)
	t.Logf("moved after %s", took)
	if took < 2*time.Second {
		t.Errorf("the role moved after %s although the kernel answered", took)
	}
	b.await("the lease to end", func() bool { return !w.when(old, lanVIP, false, at).IsZero() })
	t.Logf("the lease ended after %s", w.when(old, lanVIP, false, at).Sub(at))
	b.resume(w, old)
}

// A node whose kernel hangs is dead. When it comes back there is one master within a moment.
func TestFrozenMaster(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	w := b.watch()
	at := time.Now()
	old.host.Freeze()
	old.signal(syscall.SIGSTOP)
	b.tookOver(w, heir, at)
	b.awaitPass()
	old.host.Thaw()
	b.resume(w, old)
}

// resume lets the preferred node's daemon run on, and waits until there is one master again. For how long both had the
// addresses until then is bounded.
func (b *bed) resume(w *watch, preferred *node) {
	b.Helper()
	at := time.Now()
	preferred.signal(syscall.SIGCONT)
	b.settle(preferred)
	both, neither := w.spans(lanVIP, at)
	b.Logf("since it was resumed both had the address for %s, neither for %s", both, neither)
	if both > time.Second || neither > noticed {
		b.Errorf("since it was resumed both had the address for %s, neither for %s", both, neither)
	}
	b.awaitPass()
}

// A node all of whose networks are cut off is dead to the other one and knows nothing of it.
func TestSilencedMaster(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	w := b.watch()
	at := time.Now()
	old.host.Silence(lanDevice, wanDevice, cableDevice)
	b.tookOver(w, heir, at)
	b.awaitPass()
	healed := time.Now()
	old.host.Speak(lanDevice, wanDevice, cableDevice)
	b.settle(old)
	if both, neither := w.spans(lanVIP, healed); both > time.Second || neither > noticed {
		t.Errorf("since it was healed: both had the address for %s, neither for %s", both, neither)
	}
	b.awaitPass()
}

// A machine without power takes the carrier of the cable with it.
func TestPowerOff(t *testing.T) {
	b := newPair(t, settings{})
	old, heir := b.nodes[0], b.nodes[1]
	w := b.watch()
	at := time.Now()
	for _, dev := range []string{lanDevice, wanDevice, cableDevice} {
		old.host.Unplug(dev)
	}
	heir.host.Unplug(cableDevice)
	old.kill()
	b.tookOver(w, heir, at)
	b.awaitPass()
}
