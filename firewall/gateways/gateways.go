// Package gateways watches the next hops of a policy, and the hosts behind its
// port forwards, and says how each of them is.
//
//	Monitor (loop) ──► Kernel (sockets) : echo and query are what goes over them
//	   ├─► window  : loss, delay and jitter of one target
//	   ├─► machine : state of one gateway, with now as an argument
//	   └─► history : samples and transitions, kept over restarts
//
// A question leaves by the device and with the mark of its gateway, so it never
// takes another line. A gateway is judged by its best targets, as many as its
// quorum: it is down when fewer of them answer, or when their loss, delay or
// jitter is beyond a threshold. A threshold that was passed is left below three
// quarters of it, and whatever is over has to be so for a while, the longer the
// more often it came back.
package gateways

import (
	"net/netip"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// Watched is a gateway to be watched.
type Watched struct {
	Name string
	// Number is that of the gateway in marks, 1 to 255: what it is asked
	// carries it, so that the gateway's own routing table is used.
	Number uint8
	// Interface is its name in the policy, by which Monitor.Carrier tells of it,
	// and Device its name in the kernel.
	Interface, Device string
	// NextHop is invalid while none is known, as of a line without a lease. The
	// unspecified address is the link itself: targets that are the gateway's own
	// address are left out then.
	NextHop netip.Addr
	// Source is the address to ask from. The kernel chooses if it is invalid or unspecified.
	Source    netip.Addr
	Monitor   config.Monitor
	ForceDown bool
	// WasDown says of a gateway that is new to the Monitor that it was down when
	// somebody last knew: it is down until its first answer.
	WasDown bool
}

// Targets are the hosts behind a port forward that are asked whether they live.
type Targets struct {
	Forward   string // name of the port forward
	Check     config.TargetCheck
	Addresses []netip.Addr
}

// Transition is a change of the health of a gateway.
type Transition struct {
	At       time.Time
	From, To steer.Health
	Reason   string // "no answer from 203.0.113.1 and 192.0.2.53 for 2s"
}

// Status is how a gateway is, and why.
type Status struct {
	Name   string
	Health steer.Health
	Since  time.Time // of Health
	Reason string    // what brought Health about, or holds it
	// Up is when a gateway that is down comes up if nothing happens; zero: no time is set.
	Up        time.Time
	Interface string
	Device    string
	NextHop   netip.Addr
	// Loss (in percent), Delay and Jitter are those that the gateway is judged
	// by: of its targets, the one that completes the quorum.
	Loss          float64
	Delay, Jitter time.Duration
	Targets       []TargetStatus
}

// TargetStatus is how a target answers.
type TargetStatus struct {
	Target string // as a policy writes it: "192.0.2.53", "tcp://192.0.2.7:443"
	Silent bool
	Stats
	Answered time.Time // last answer that came in time; zero: none yet
	// Fault is why the last question that got no answer got none; empty when the
	// last one was answered.
	Fault string
}

// ForwardStatus is how the targets of a port forward answer.
type ForwardStatus struct {
	Forward string
	Targets []TargetStatus
}
