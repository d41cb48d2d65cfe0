package main

import (
	"crypto/ed25519"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"

	"github.com/BurntSushi/toml"
	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/ha"
	"github.com/rempart/rempart/ha/configsync"
	"github.com/rempart/rempart/ha/pairing"
	"github.com/rempart/rempart/ha/pulse"
)

// newPairBackend puts together what keeps one policy on both nodes.
func newPairBackend(o options, m *machine, owner *links.Owner, line peerLine, pair *ha.Node, gateway *firewall.Firewall, enforced *atomic.Pointer[config.Config], log hclog.Logger) pairBackend {
	keys := line.keys
	paired := func() bool { return keys.State().Paired }
	files := &policyFiles{options: o, state: m.state, log: log.Named("files")}
	sync := configsync.New(configsync.Options{
		Gateway: policyGateway{gateway, m.state, files}, Ask: pair.AskPeer, Paired: paired,
		Trusted: func(key []byte) bool {
			return slices.ContainsFunc(keys.Known(), func(k ed25519.PublicKey) bool { return k.Equal(ed25519.PublicKey(key)) })
		},
		Seal: sealer(keys, pair), Node: pair.Name, Peer: func() string { return peerName(keys, pair) }, Leads: pair.Master, Behind: pair.Behind,
		Alive: func() bool {
			state, _, _ := pair.PeerState()
			return state != pulse.Stunned.String() && state != pulse.Dead.String()
		},
		Kept: files.follow, Version: version, Log: log.Named("policy"),
	})
	return pairBackend{
		Node: pair, keys: keys, owner: owner, policy: enforced.Load,
		gateway: pairedGateway{Firewall: gateway, sync: sync, files: files, paired: paired},
	}
}

// peerName is what the other node is called now, or was when the nodes were paired.
func peerName(keys *pairing.Keeper, pair *ha.Node) string {
	if _, name, _ := pair.PeerState(); name != "" {
		return name
	}
	return keys.State().Node
}

// sealer signs revisions of this node.
func sealer(keys *pairing.Keeper, pair *ha.Node) func(*config.Revision) {
	return func(r *config.Revision) {
		if r.Origin = nameIn(r.Node); r.Origin == "" { // the policy that gives the node its name may be this one
			r.Origin = pair.Name()
		}
		if keys.Fault() != nil { // it is signed when there is a key again
			r.Seal(nil)
			return
		}
		r.Seal(keys.Own())
	}
}

// nameIn is the name that a node.toml gives; empty: none, or it is no TOML.
func nameIn(node []byte) string {
	var own struct {
		Name string `toml:"name"`
	}
	if _, err := toml.Decode(string(node), &own); err != nil {
		return ""
	}
	return own.Name
}

// nodeName is what the node is called before a policy says it.
func (o options) nodeName() (string, error) {
	if _, text, err := o.node(); err == nil {
		if name := nameIn(text); name != "" {
			return name, nil
		}
	}
	return os.Hostname()
}

// enforce notes what runs and tells the node of it. A policy without anything in it stands for none.
func enforce(enforced *atomic.Pointer[config.Config], next func(*config.Config)) func(*config.Config) {
	return func(c *config.Config) {
		enforced.Store(c)
		if c != nil && len(c.Interfaces) == 0 {
			enforced.Store(nil)
		}
		next(c)
	}
}

// ownAddresses are those of a device, or of all of them, by which another machine can find this one: those that
// need no zone first.
func ownAddresses(device string) ([]netip.Addr, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all, local []netip.Addr
	for _, d := range devices {
		if device != "" && d.Name != device || d.Flags&net.FlagUp == 0 || d.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := d.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			switch addr := p.Addr(); {
			case err != nil:
			case addr.IsLinkLocalUnicast() && addr.Is6():
				local = append(local, addr.WithZone(d.Name))
			case addr.IsGlobalUnicast():
				all = append(all, addr)
			}
		}
	}
	return append(all, local...), nil
}
