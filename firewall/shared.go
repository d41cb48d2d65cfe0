package firewall

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/rules"
)

// SharedDigest is a SHA-256 in hexadecimal digits of the ruleset that the running
// policy is compiled to, with all left out that belongs to one node alone or to the
// moment: two nodes with one policy, the same numbers and the same learned
// content have the same one. It is empty while no policy runs. It takes as long as a compile,
// but neither the loop nor a packet waits, and it is remembered while nothing of that changes.
func (f *Firewall) SharedDigest(ctx context.Context) (string, error) {
	type moment struct {
		running *running
		sets    *rules.Sets // that were made last: large ones are not made twice
	}
	m, err := do(ctx, f, func(context.Context) (moment, error) { return moment{f.running, f.compiler.before}, nil })
	if err != nil || m.running == nil {
		return "", err
	}
	return f.shared.of(m.running.world, m.sets), nil
}

// sharedDigest remembers the digest of one world. Worlds, and collections of sets that are done,
// are read only, so it works beside the loop.
type sharedDigest struct {
	mu     sync.Mutex
	world  *rules.World
	digest string
}

func (s *sharedDigest) of(w *rules.World, made *rules.Sets) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.world == nil || !sameForBoth(s.world, w) {
		c := compiler{before: made}
		s.digest = digestOf(c.compile(sharedWorld(w)))
	}
	s.world = w
	return s.digest
}

// sameForBoth says whether two worlds are one, but for what belongs to a node or to the moment.
func sameForBoth(a, b *rules.World) bool {
	return a.Config == b.Config && maps.Equal(a.Numbers, b.Numbers) && maps.Equal(a.Gateways, b.Gateways) &&
		maps.EqualFunc(a.Names, b.Names, slices.Equal[[]netip.Addr]) && maps.Equal(a.Lists, b.Lists)
}

// sharedWorld is what the nodes of a pair have in common of a world. Devices go by the names of their
// interfaces. The day of its schedules is any one, but always the same.
func sharedWorld(w *rules.World) *rules.World {
	day := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	l := Learned{Numbers: w.Numbers, Gateways: w.Gateways, Outside: Outside{Names: w.Names, Lists: w.Lists}}
	return NewWorld(sharedConfig(w.Config), l, day)
}

// sharedConfig is a policy without what node.toml may say.
func sharedConfig(c *config.Config) *config.Config {
	out := *c
	out.Name = ""
	out.Interfaces = slices.Clone(c.Interfaces)
	for n := range out.Interfaces {
		i := &out.Interfaces[n]
		i.Device, i.MAC, i.MTU, i.Addresses, i.Peers = i.Name, "", 0, nil, nil
	}
	if c.HA != nil {
		ha := *c.HA
		ha.AdvSkew, ha.Peer = 0, netip.Addr{}
		out.HA = &ha
	}
	return &out
}

// digestOf is over the text of a ruleset, piece by piece: that of a million networks is long.
func digestOf(r nft.Ruleset) string {
	h := sha256.New()
	for _, x := range r.Helpers {
		io.WriteString(h, x.String())
	}
	for _, name := range r.Counters {
		io.WriteString(h, "\tcounter "+name+"\n")
	}
	for _, s := range r.Sets {
		io.WriteString(h, s.String())
	}
	for _, c := range r.Chains {
		io.WriteString(h, c.String())
	}
	return hex.EncodeToString(h.Sum(nil))
}
