package view

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Why an order is not carried out. Every other error says that the daemon or the kernel
// could not.
var (
	// ErrNotConfigured says that the gateway stands alone, so there is nobody to order about.
	ErrNotConfigured = errors.New("this gateway has no peer: its policy has no [ha]")
	// ErrOrder says that an order is wrong in itself: there is no such group, or no such interface.
	ErrOrder = errors.New("bad order")
	// ErrState says that an order does not fit how the pair stands now: the peer is dead, or worse.
	ErrState = errors.New("the pair does not allow it now")
)

// Orderf is an error that is ErrOrder. Its text is the message alone.
func Orderf(format string, args ...any) error { return &refusal{ErrOrder, fmt.Errorf(format, args...)} }

// Statef is an error that is ErrState. Its text is the message alone.
func Statef(format string, args ...any) error { return &refusal{ErrState, fmt.Errorf(format, args...)} }

// refusal is a message of a kind.
type refusal struct{ kind, message error }

func (r *refusal) Error() string   { return r.message.Error() }
func (r *refusal) Unwrap() []error { return []error{r.kind, r.message} }

// Order is a request to change the role.
type Order struct {
	Group string `json:"group,omitempty"` // empty: all
	// Force goes through although the other node is worse or not there.
	Force bool `json:"force,omitempty"`
	// By is who asks, as the daemon that he asked knows him.
	By string `json:"-"`
}

// Done is the answer to an order, when it is carried out.
type Done struct {
	Groups []Switched    `json:"groups"`
	Took   time.Duration `json:"took_ns"` // from the order until the last group stood
	// Warnings are what the order did not change and who gave it may expect it to.
	Warnings []string `json:"warnings,omitempty"`
}

// Switched is what became of a group by an order.
type Switched struct {
	Name   string `json:"name"`
	Master string `json:"master,omitempty"` // the node that has it now; empty: none
	Role   string `json:"role"`             // of this node
	// Moved says that it had another master before.
	Moved bool          `json:"moved"`
	Took  time.Duration `json:"took_ns"`
}

// DrillOrder is a request to switch there and back, and to measure what it costs.
type DrillOrder struct {
	// Hosts are asked all the while; without any it is a neighbour on each network.
	Hosts []DrillTarget `json:"hosts,omitempty"`
	Rate  int           `json:"rate"` // questions a second to each host
	// By is who asks, as the daemon that he asked knows him.
	By string `json:"-"`
}

// DrillTarget is a host to ask during a drill.
type DrillTarget struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
}
