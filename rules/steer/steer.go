// Package steer says which gateways new flows take: tiers, triggers, weights and
// slots, by how each gateway is. It is pure; who watches the gateways and who puts
// the choice into the kernel stand elsewhere.
package steer

import (
	"fmt"
	"time"

	"github.com/rempart/rempart/config"
)

// State is how a gateway is.
type State int

// The states of a gateway.
const (
	Online  State = iota // answers, or nobody watches it; the zero value
	Warning              // answers, but a warning threshold is passed
	Down                 // does not answer, or a down threshold is passed, or its link is down
	Forced               // down because the policy or an administrator says so
)

// String is the state in one word or two.
func (s State) String() string {
	switch s {
	case Online:
		return "online"
	case Warning:
		return "warning"
	case Down:
		return "down"
	case Forced:
		return "forced down"
	}
	return fmt.Sprintf("state-%d", int(s))
}

// Health is how a gateway is, and of a warning, what brought it about.
type Health struct {
	State State
	// Warned are the warning thresholds that are passed, whatever the state.
	Warned config.Triggers
}

// Alive says whether traffic gets through the gateway at all.
func (h Health) Alive() bool { return h.State == Online || h.State == Warning }

// Group is what a rule or a route may name: a gateway group, or a gateway as a
// group of its own.
type Group struct {
	Name     string
	Tiers    [][]Member
	Triggers config.Triggers
	Sticky   bool
	OnDown   config.OnDown
	FailOver config.FailOver
	FailBack config.FailBack
	Drain    time.Duration // of FailBackDrain
	Is6      bool
}

// Member is a gateway in a tier.
type Member struct {
	Gateway string
	Weight  int
}
