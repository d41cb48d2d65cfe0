package firewall

import (
	"context"
	"net/netip"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/feeds"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/trace"
)

// Parts is what a gateway is made of. All of them are needed, unless they say otherwise.
type Parts struct {
	State     *State
	Kernel    nft.Kernel
	Links     Links
	FlowTable flows.Table
	Feeds     Feeds
	Gateways  Gateways
	// Resets tells the ends of flows that were ended.
	Resets    Resets
	Host      Host
	PacketLog *packetlog.Ring
	// Overloads are the sources that went over a limit (rules.OverloadGroup).
	Overloads <-chan packetlog.Entry
	// Traces follows packets.
	Traces trace.Kernel
	// Tampered are the changes that somebody else made to our table.
	Tampered <-chan nft.Event
	// Files reads the policy as it stands in the configuration directory.
	Files func() (Draft, error)
	// Node reads node.toml alone, as it stands there: its name for messages, and its text.
	Node func() (name string, text []byte, err error)
	// Policy is told of each policy that begins to be enforced, at the start and on the way
	// back too; one without anything in it stands for none. Hold is told before the kernel may be held up for so long by a change of the
	// ruleset. Both are called by the loop of Run and must not block; nil: nobody is told.
	Policy func(*config.Config)
	Hold   func(time.Duration)
	// ReadSecret reads the file that [ha] secret names; nil: revisions of this node have no secrets.
	ReadSecret func(file string) ([]byte, error)
	// Seal gives a revision that this node made its origin, its signature and its ID; nil: it gets
	// an ID alone.
	Seal func(*config.Revision)
	// Holds says whether this node has the virtual addresses of an interface now, without
	// waiting for anything; nil: it has. Moved receives when that may have changed.
	Holds func(iface string) bool
	Moved <-chan struct{}
	// Version is the program's own.
	Version string
	Logger  hclog.Logger
}

// Links puts addresses, routes and sysctls in place.
type Links interface {
	Check(ctx context.Context, want links.State) error
	Plan(ctx context.Context, want links.State) ([]links.Op, error)
	Apply(ctx context.Context, want links.State) ([]links.Op, error)
	Release(ctx context.Context) error
	// Devices are the devices that interfaces are found on; the error names those that are not.
	Devices(want links.State) (map[string]string, error)
	Status() ([]links.LinkStatus, error)
	// Trouble is what is not as the applied state wants it now; empty: nothing.
	Trouble() string
	// Learned is what others put on the devices of a state.
	Learned(want links.State) (links.Learned, error)
	// Changed receives when what Learned says may have changed.
	Changed() <-chan struct{}
}

// Resets sends segments to the ends of TCP flows (flows.Resetter).
type Resets interface {
	Send(ctx context.Context, segments []flows.Segment) (sent int, err error)
}

// Feeds keeps what aliases learn from outside.
type Feeds interface {
	Set(c *config.Config)
	// Peek is what is known of the sources of a policy that is not set.
	Peek(c *config.Config) feeds.Snapshot
	Snapshot() feeds.Snapshot
	Changed() <-chan struct{}
	Status() []feeds.Source
	Refresh(name string, force bool) error
	// Export is what is known, for the Import of another node, and Digest tells it from other knowledge.
	Export() []byte
	Import(b []byte, now time.Time) (changed bool, err error)
	Digest() string
}

// Host is what the gateway asks the machine under it.
type Host interface {
	// BootID tells one boot from another.
	BootID() string
	// Connections are the TCP connections that stand now.
	Connections() (map[Connection]bool, error)
	// ComesBy is the SSH connection that a process was started over; ok is false when there is none.
	ComesBy(pid int32) (c Connection, ok bool)
	// DeviceTo is the device by which the machine sends to an address now; ok is false when it does not.
	DeviceTo(a netip.Addr) (device string, ok bool)
}
