package report

import (
	"encoding/json"
	"math"
	"net/netip"
	"time"
)

// Lines is the lines by which the gateway reaches other networks: its next hops
// and the groups that they are in, at one moment.
type Lines struct {
	Gateways []Gateway      `json:"gateways,omitempty"`
	Groups   []GatewayGroup `json:"groups,omitempty"`
}

// The states of a gateway.
const (
	GatewayOnline  = "online"
	GatewayWarning = "warning" // it answers, but a warning threshold is passed
	GatewayDown    = "down"
	GatewayForced  = "forced down" // by force_down in the policy
)

// Gateway is a next hop of the policy, and how it is.
type Gateway struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Interface   string `json:"interface"`
	// Address is the next hop as it is used now. It is absent while a gateway that learns it
	// has none, and unspecified (0.0.0.0, ::) where the link itself is the next hop, as of PPP.
	Address netip.Addr `json:"address,omitzero"`
	Learned string     `json:"learned,omitempty"` // where Address comes from: dhcp or ra; empty: it is written
	Number  int        `json:"number"`            // in the marks of its flows
	Table   int        `json:"table,omitempty"`   // its routing table; absent where flows need none, with one line alone
	Weight  int        `json:"weight"`
	Groups  []string   `json:"groups,omitempty"` // that it is a member of
	State   string     `json:"state"`
	Since   time.Time  `json:"since,omitzero"`   // of the state
	Up      time.Time  `json:"up,omitzero"`      // when one that is down comes up if nothing happens
	Reason  string     `json:"reason,omitempty"` // of the state, in a few words
	Watched bool       `json:"watched"`          // its targets are asked; otherwise its link alone tells how it is
	// Loss, Delay and Jitter are over the window of the monitor.
	Loss    float64         `json:"loss_percent"`
	Delay   Delay           `json:"delay_ms"`
	Jitter  Delay           `json:"jitter_ms"`
	Targets []GatewayTarget `json:"targets,omitempty"`
}

// Alive says whether traffic gets through.
func (g Gateway) Alive() bool { return g.State == GatewayOnline || g.State == GatewayWarning }

// GatewayTarget is something that is asked to know how a gateway is. The figures are
// over the window of the monitor.
type GatewayTarget struct {
	Target     string    `json:"target"` // as the policy has it: 192.0.2.53, tcp://192.0.2.7:443
	Alive      bool      `json:"alive"`
	Sent       int       `json:"sent"`
	Lost       int       `json:"lost"`
	Delay      Delay     `json:"delay_ms"` // of the answers, on average
	LastAnswer time.Time `json:"last_answer,omitzero"`
	Error      string    `json:"error,omitempty"` // why the last question could not be put, or was lost
}

// GatewayGroup is a gateway group and what new flows take of it.
type GatewayGroup struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Tier        int           `json:"tier"` // in use, from 1; 0: the group is down
	Tiers       int           `json:"tiers"`
	Since       time.Time     `json:"since,omitzero"` // all its members are as they are now
	OnDown      string        `json:"on_down"`        // next, block or default-route
	Sticky      bool          `json:"sticky,omitempty"`
	Members     []GroupMember `json:"members"`
}

// GroupMember is a gateway of a group.
type GroupMember struct {
	Gateway string  `json:"gateway"`
	Tier    int     `json:"tier"` // from 1
	Weight  int     `json:"weight"`
	State   string  `json:"state"`
	Share   float64 `json:"share_percent"` // of the new flows
}

// GatewayHistory is how a gateway was.
type GatewayHistory struct {
	Gateway     string              `json:"gateway"`
	Since       time.Time           `json:"since"`                 // nothing before is told
	Samples     []GatewaySample     `json:"samples,omitempty"`     // oldest first
	Transitions []GatewayTransition `json:"transitions,omitempty"` // oldest first
}

// GatewaySample is how a gateway was over a span of time.
type GatewaySample struct {
	Time    time.Time `json:"time"`    // when the span begins
	Seconds int       `json:"seconds"` // how long it is
	State   string    `json:"state"`   // the worst
	Loss    float64   `json:"loss_percent"`
	Delay   Delay     `json:"delay_ms"`
	Jitter  Delay     `json:"jitter_ms"`
}

// GatewayTransition is a change of a gateway's state.
type GatewayTransition struct {
	Time   time.Time `json:"time"`
	From   string    `json:"from,omitempty"` // absent: it was not watched before
	To     string    `json:"to"`
	Reason string    `json:"reason,omitempty"`
}

// Delay is a short time. In JSON it is milliseconds, with microseconds behind the point.
type Delay time.Duration

// MarshalJSON writes milliseconds.
func (d Delay) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(d).Microseconds()) / 1000)
}

// UnmarshalJSON reads milliseconds.
func (d *Delay) UnmarshalJSON(text []byte) error {
	var ms float64
	if err := json.Unmarshal(text, &ms); err != nil {
		return err
	}
	*d = Delay(math.Round(ms*1000)) * Delay(time.Microsecond)
	return nil
}

// String writes it as people do: 4.1ms.
func (d Delay) String() string { return time.Duration(d).Round(100 * time.Microsecond).String() }
