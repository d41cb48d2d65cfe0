package main

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// samplePair is the pair of packaging/examples, all well, as the master shows it.
func samplePair() view.Status {
	const revision = "749981fb9b3428a1"
	heard := before(43 * time.Millisecond)
	vip := func(address, on string, vhid int) view.VIP {
		return view.VIP{Address: netip.MustParsePrefix(address), Interface: on, Group: "main", VHID: vhid, Held: true}
	}
	policy := samplePolicy()
	path := func(name, device string, lost float64) view.Path {
		return view.Path{Interface: name, Device: device, Cable: name == "sync", Carrier: true, Beat: heard, PeerHears: true, Lost: lost}
	}
	return view.Status{
		Node: "fw1", Configured: true,
		Groups: []view.Group{{Name: "main", Role: "MASTER", Since: before(35 * time.Minute), Why: "it is preferred, and ready", AdvBase: 1, Preempt: true, Preferred: "fw1"}},
		Peer: view.Peer{
			State: "alive", Node: "fw2", Version: "v0.1.0", Since: before(40 * time.Hour), Heard: heard, Revision: revision, InStep: true, Connected: true,
			Groups: []view.PeerGroup{{Name: "main", Role: "BACKUP", AdvSkew: 100}},
		},
		VIPs: []view.VIP{
			vip("203.0.113.5/29", "wan", 1), vip("203.0.113.6/29", "wan", 1), vip("10.1.2.1/24", "lan", 2), vip("2001:db8:2::1/64", "lan", 2),
			vip("fe80::1/64", "lan", 2), vip("10.1.3.1/24", "servers", 3),
		},
		Paths: []view.Path{path("sync", "eth3", 0), path("lan", "eth1", 0.4), path("servers", "eth2", 0), path("wan", "eth0", 0)},
		Transitions: []view.Transition{
			{At: before(35 * time.Minute), Group: "main", From: "BACKUP", To: "MASTER", Why: "it is preferred, and ready", Took: 3400 * time.Microsecond},
			{At: before(36 * time.Minute), Group: "main", From: "INIT", To: "BACKUP", Why: "fw2 is master"},
			{At: before(50 * time.Hour), Group: "main", From: "MASTER", To: "INIT", Why: "stopped", Took: 12 * time.Millisecond},
		},
		Timing: view.Timing{
			Interval: 100 * time.Millisecond, Multiple: 5, Dead: 500 * time.Millisecond, Confirmed: 150 * time.Millisecond, Stunned: 5 * time.Second, Late: 1200 * time.Microsecond,
		},
		Policy:   &policy,
		Sync:     &view.Sync{State: view.SyncSending, Flows: 12_408, PeerFlows: 12_408, Lag: 200 * time.Microsecond, Checked: before(3 * time.Second)},
		Counters: map[string]uint64{"beats": 1234567, "bad HMAC": 2},
	}
}

// backupPair is the same pair as the other node shows it.
func backupPair() view.Status {
	s := samplePair()
	s.Node = "fw2"
	s.Groups[0].Role, s.Groups[0].AdvSkew, s.Groups[0].Why = "BACKUP", 100, "fw1 is preferred, and took it"
	s.Policy.Own, s.Policy.Peer = s.Policy.Peer, s.Policy.Own
	s.Peer.Node, s.Peer.Groups[0] = "fw1", view.PeerGroup{Name: "main", Role: "MASTER"}
	for i := range s.VIPs {
		s.VIPs[i].Held = false
	}
	for i := range s.Paths[1:] {
		s.Paths[1+i].Ad = before(812 * time.Millisecond)
	}
	s.Sync = &view.Sync{State: view.SyncComplete, Flows: 12_408, PeerFlows: 12_408, Checked: before(3 * time.Second)}
	s.Transitions = []view.Transition{
		{At: before(35 * time.Minute), Group: "main", From: "MASTER", To: "BACKUP", Why: "fw1 is preferred, and took it", Took: 1004 * time.Millisecond},
	}
	return s
}

// pairStates are pairs in every state that a screen can tell of.
func pairStates() map[string]view.Status {
	states := map[string]view.Status{
		"master": samplePair(), "backup": backupPair(),
		"alone": {Node: "fw1"}, "bare": {Node: "fw1", Pairing: &view.Pairing{Paired: true, Node: "fw2"}},
	}
	change := func(name string, from view.Status, how func(*view.Status)) {
		how(&from)
		states[name] = from
	}
	change("dead", backupPair(), func(s *view.Status) {
		s.Groups[0].Role, s.Groups[0].Since, s.Groups[0].Why = "MASTER", before(70*time.Second), "peer: no heartbeat on any of 4 paths for 512 ms, its kernel does not answer"
		s.Peer = view.Peer{State: "dead", Node: "fw1", Version: "v0.1.0", Since: before(70 * time.Second), Heard: before(71 * time.Second)}
		for i := range s.VIPs {
			s.VIPs[i].Held = true
		}
		for i := range s.Paths {
			s.Paths[i].Beat, s.Paths[i].Ad, s.Paths[i].PeerHears, s.Paths[i].Lost = before(71*time.Second), time.Time{}, false, 100
		}
		s.Paths[0].Carrier = false
		s.Sync = &view.Sync{State: view.SyncOff, Why: "the peer is dead"}
		s.Policy = ranThere(s.Policy.Own, s.Policy.Peer, before(71*time.Second))
		s.Warnings = []string{"fw1 is gone for 1m 10s: this node has no backup"}
	})
	change("stunned", backupPair(), func(s *view.Status) {
		s.Peer.State, s.Peer.Since, s.Peer.Heard, s.Peer.Connected = "stunned", before(1200*time.Millisecond), before(1700*time.Millisecond), false
		s.Policy = ranThere(s.Policy.Own, s.Policy.Peer, before(1700*time.Millisecond))
		for i := range s.Paths {
			s.Paths[i].Beat, s.Paths[i].Lost = before(1700*time.Millisecond), 2.8
		}
	})
	change("maintenance", backupPair(), func(s *view.Status) {
		s.Maintenance = &view.Maintenance{Since: before(10 * time.Minute), By: "anna"}
		s.Groups[0].Demotion, s.Groups[0].Why = 201, "anna asked for maintenance"
		s.Demotions = []view.Demotion{
			{Reason: "maintenance", Weight: 200, Since: before(10 * time.Minute), Heals: "rempart ha maintenance off"},
			{Reason: "service dns", Weight: 1, Since: before(3 * time.Minute), Heals: "its check passes again; now: exit status 1: no answer from 127.0.0.1"},
		}
		s.Timing.Late = 63 * time.Millisecond
		s.Sync = &view.Sync{State: view.SyncOff, Why: "the peer is of a version without it"}
		s.Peer.Version, s.Policy.Ruleset = "v0.2.0", view.RulesetDiffers
	})
	change("secret", samplePair(), func(s *view.Status) {
		s.Peer = view.Peer{State: "unknown"}
		for i := range s.Paths {
			s.Paths[i].Beat, s.Paths[i].PeerHears = time.Time{}, false
		}
		s.Policy = &view.Policy{State: view.PolicyUnpaired, Own: ownRevision()}
		s.Groups[0].Why, s.Sync = "nobody else was heard", &view.Sync{State: view.SyncOff, Why: "no peer of ours was heard"}
		s.Warnings = []string{"a node at 172.16.0.2 on sync speaks with another secret: put the same content into the secret file of both nodes"}
	})
	change("foreign", samplePair(), func(s *view.Status) {
		s.Peer = view.Peer{State: "foreign", Foreign: []netip.Addr{netip.MustParseAddr("203.0.113.3")}}
		for i := range s.Paths {
			s.Paths[i].Beat, s.Paths[i].PeerHears = time.Time{}, false
		}
		s.Policy = &view.Policy{State: view.PolicyUnpaired, Own: ownRevision()}
		s.Paths[3].Ad = before(812 * time.Millisecond)
		s.Sync = &view.Sync{State: view.SyncOff, Why: "no peer of ours was heard"}
		s.Groups[0].Role, s.Groups[0].Why = "BACKUP", "203.0.113.3 advertises faster"
		for i := range s.VIPs {
			s.VIPs[i].Held = false
		}
	})
	change("strangers", samplePair(), func(s *view.Status) {
		s.Policy = &view.Policy{State: view.PolicyUnpaired, Own: ownRevision()}
		s.Peer.InStep, s.Peer.Revision = false, "0123456789abcdef"
	})
	change("syncing", backupPair(), func(s *view.Status) {
		s.Groups[0].Role, s.Groups[0].Since, s.Groups[0].Why, s.Groups[0].Demotion = "SYNCING", before(2*time.Second), "it started", 32
		s.Demotions = []view.Demotion{{Reason: "sync incomplete", Weight: 32, Since: before(2 * time.Second), Heals: "the flows of the master are complete here"}}
		s.Sync = &view.Sync{State: view.SyncIncomplete, Why: "the snapshot is under way: 8311 flows so far", Flows: 8_311, PeerFlows: 12_408}
	})
	change("repaired", samplePair(), func(s *view.Status) {
		s.Sync.InFlight, s.Sync.PeerFlows, s.Sync.Repaired, s.Sync.Repair = 17, 12_391, before(3*time.Minute), "the kernel dropped events"
	})
	change("unsent", samplePair(), func(s *view.Status) {
		s.Sync.Why, s.Sync.InFlight, s.Sync.PeerFlows, s.Sync.Lag = "the peer does not answer on the cable", 391, 12_017, 73*time.Second
	})
	change("idle", backupPair(), func(s *view.Status) {
		s.Sync = &view.Sync{State: view.SyncIdle}
	})
	change("groups", backupPair(), func(s *view.Status) {
		s.Groups = append(s.Groups, view.Group{Name: "guests", Role: "MASTER", Since: before(5 * time.Minute), Why: "anna asked for it", Preferred: "fw1", AdvSkew: 100})
		s.Peer.Groups = append(s.Peer.Groups, view.PeerGroup{Name: "guests", Role: "BACKUP", Demotion: 10})
		s.Peer.Connected, s.Policy = false, ranThere(s.Policy.Own, s.Policy.Peer, before(5*time.Minute))
		s.VIPs = append(s.VIPs, view.VIP{Address: netip.MustParsePrefix("10.1.4.1/24"), Interface: "guests", Group: "guests", VHID: 4, Held: true, Conflict: "52:54:00:aa:bb:cc"})
		s.Transitions = append([]view.Transition{{At: before(5 * time.Minute), Group: "guests", To: "MASTER", Why: "anna asked for it", Took: 800 * time.Microsecond}}, s.Transitions...)
		s.Sync = &view.Sync{State: view.SyncBoth, Flows: 12_408, PeerFlows: 12_407, InFlight: 1, Lag: 200 * time.Microsecond, Checked: before(3 * time.Second)}
		s.Warnings = []string{"52:54:00:aa:bb:cc answers for 10.1.4.1 on guests as well"}
	})
	for name, policy := range policyStates() {
		change(name, samplePair(), func(s *view.Status) {
			s.Policy, s.Pairing = &policy, &view.Pairing{Paired: policy.State != view.PolicyUnpaired, Node: "fw2", Own: ownPrint, Peer: peerPrint, Rotating: name == "kept"}
			if policy.State == view.PolicyAway {
				s.Peer.State, s.Peer.Connected, s.Sync = "dead", false, &view.Sync{State: view.SyncOff, Why: "the peer is dead"}
			}
		})
	}
	return states
}
