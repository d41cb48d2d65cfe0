package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/config/pieces"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha"
	"github.com/rempart/rempart/ha/pairing"
	"github.com/rempart/rempart/ha/peer"
	"github.com/rempart/rempart/ha/view"
)

// pairBackend is what the two nodes of a pair can be asked and ordered.
type pairBackend struct {
	*ha.Node
	keys    *pairing.Keeper
	gateway pairedGateway
	owner   *links.Owner
	// policy is what runs; nil: nothing does.
	policy func() *config.Config
}

// HAStatus is how the pair stands, its policies and keys included.
func (b pairBackend) HAStatus(ctx context.Context) (view.Status, error) {
	s, err := b.Node.HAStatus(ctx)
	if err != nil {
		return s, err
	}
	if fault := b.keys.Fault(); fault != nil {
		s.Warnings = append(s.Warnings, fmt.Sprintf("this node is not paired, though it may have been: %v; then restart the daemon", fault))
	}
	p, err := b.Pairing(ctx)
	if err != nil || !s.Configured && !p.Paired {
		return s, err
	}
	s.Pairing = &p
	policy, err := b.gateway.sync.View(ctx)
	if err != nil {
		return s, err
	}
	if c := b.policy(); c != nil && c.HA != nil && p.Paired {
		policy.Sections, policy.Kept = c.HA.Sections, pieces.Left(c.HA.Sections)
		if len(policy.Kept) > 0 {
			policy.Ruleset = view.RulesetUnknown // each node has rules of its own in it
		}
	}
	if policy.Draft = b.gateway.files.edits(); policy.Draft != "" {
		s.Warnings = append(s.Warnings, policyFile+": "+policy.Draft)
	}
	s.Policy = &policy
	return s, nil
}

// Pairing is with whom this node is paired.
func (b pairBackend) Pairing(context.Context) (view.Pairing, error) {
	return viewPairing(b.keys.State()), nil
}

func viewPairing(s pairing.State) view.Pairing {
	return view.Pairing{Paired: s.Paired, Node: s.Node, Since: s.Since, Own: s.Own, Peer: s.Peer, Rotating: s.Rotating}
}

// Invite shows a code and waits until another node was given it.
func (b pairBackend) Invite(ctx context.Context, by string, tell func(view.Invitation) error) (view.Pairing, error) {
	addresses, err := b.meetingPoints()
	if err != nil {
		return view.Pairing{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	say := announcer{tell: tell, fail: cancel}
	defer say.end()
	s, err := b.keys.Invite(ctx, pairing.Invite{Node: b.Name(), Addresses: addresses}, func(code string, expires time.Time, tries int) {
		say.invitation(view.Invitation{Code: code, Expires: expires, Tries: tries, Addresses: addresses})
	})
	return viewPairing(s), pairingFailure(err)
}

// announcer tells of a code, and of a try only when it has come to nothing: the one that succeeds ends the wait.
type announcer struct {
	tell func(view.Invitation) error
	fail func(error)

	mu   sync.Mutex
	told bool
	over bool
}

// tryTime is how long an exchange may take that succeeds.
const tryTime = time.Second

func (a *announcer) invitation(i view.Invitation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.told {
		a.told = true
		a.say(i)
		return
	}
	time.AfterFunc(tryTime, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.over {
			a.say(i)
		}
	})
}

func (a *announcer) say(i view.Invitation) {
	if err := a.tell(i); err != nil {
		a.fail(err)
	}
}

// end keeps what is still to be told from being told.
func (a *announcer) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// Join pairs this node with one that shows a code.
func (b pairBackend) Join(ctx context.Context, j view.Join, by string) (view.Pairing, error) {
	if err := b.mayPair(); err != nil {
		return view.Pairing{}, err
	}
	s, err := b.keys.Join(ctx, pairing.Join{Node: b.Name(), Code: j.Code, Address: j.Address})
	return viewPairing(s), pairingFailure(err)
}

// pairingFailure is an error of a pairing as whoever asked for it reads it, with what he can do.
func pairingFailure(err error) error {
	switch {
	case errors.Is(err, pairing.ErrWrong):
		return view.Orderf("%w: compare it with what the other node shows", err)
	case errors.Is(err, pairing.ErrItself):
		return view.Orderf("%w: say the code at the other one, or if that is a copy of this one, remove state/pair there first", err)
	case errors.Is(err, pairing.ErrCode):
		return view.Orderf("%w", err)
	case errors.Is(err, pairing.ErrNobody):
		return view.Statef("%w: `rempart ha pair` at the other node shows one, with the addresses at which it can be found", err)
	case errors.Is(err, pairing.ErrExpired), errors.Is(err, pairing.ErrTries), errors.Is(err, pairing.ErrClosed),
		errors.Is(err, pairing.ErrRotating), errors.Is(err, pairing.ErrBusy), errors.Is(err, pairing.ErrUnpaired):
		return view.Statef("%w", err)
	}
	return err
}

// mayPair refuses where the rules that run would keep the other node out, for ever.
func (b pairBackend) mayPair() error {
	if fault := b.keys.Fault(); fault != nil {
		return view.Statef("%w", fault)
	}
	if c := b.policy(); c != nil && c.HA == nil {
		return view.Statef("the policy that runs here has no [ha], so its rules keep the other node out: add [ha] and apply it, or pair before there is a policy")
	}
	return nil
}

// meetingPoints are the addresses at which the other node may find this one: on the cable, once there is a
// policy that says which that is.
func (b pairBackend) meetingPoints() ([]netip.Addr, error) {
	if err := b.mayPair(); err != nil {
		return nil, err
	}
	device := ""
	if c := b.policy(); c != nil {
		found, _ := b.owner.Devices(firewall.Interfaces(c)) // what is missing is told below
		if device = found[c.HA.Interface]; device == "" {
			return nil, view.Statef("the cable between the nodes, interface %q, has no device here", c.HA.Interface)
		}
	}
	addresses, err := ownAddresses(device)
	if err == nil && len(addresses) == 0 {
		err = view.Statef("this node has no address at which the other one could find it: give the cable one with `ip address add`, or set up IPv6 there")
	}
	return addresses, err
}

// Unpair ends the pairing, on both nodes when the other one can be told.
func (b pairBackend) Unpair(ctx context.Context, force bool, by string) (view.Pairing, error) {
	switch {
	case b.keys.Fault() != nil:
		return view.Pairing{}, view.Statef("%w", b.keys.Fault())
	case !b.keys.State().Paired:
		err := b.keys.Unpair() // a pairing that was begun and never finished is forgotten
		return viewPairing(b.keys.State()), pairingFailure(err)
	}
	_, err := b.AskPeer(ctx, pairing.KindUnpair, nil)
	if err != nil && !force {
		return view.Pairing{}, view.Statef("%s cannot be told: %v; --force ends the pairing here alone, and the nodes do not understand each other's heartbeats until it is ended there as well", b.keys.State().Node, linkFault(err))
	}
	if err := b.keys.Unpair(); err != nil && !errors.Is(err, pairing.ErrUnpaired) {
		return view.Pairing{}, err
	}
	return viewPairing(b.keys.State()), nil
}

// RotateKeys gives both nodes new keys.
func (b pairBackend) RotateKeys(ctx context.Context, by string) (view.Pairing, error) {
	if fault := b.keys.Fault(); fault != nil {
		return viewPairing(b.keys.State()), view.Statef("%w", fault)
	}
	err := b.keys.Rotate(ctx, b.AskPeer)
	if err == nil {
		b.Relink("new keys are in use") // each shows its own, and then nobody needs the old ones
	}
	if errors.Is(err, peer.ErrNotConnected) {
		err = view.Statef("the other node is away: keys are changed on both or on none")
	}
	return viewPairing(b.keys.State()), pairingFailure(err)
}

// linkFault is an error of the link without what only a programmer reads.
func linkFault(err error) error {
	if errors.Is(err, peer.ErrNotConnected) {
		return errors.New("there is no connection to it")
	}
	return err
}

// PolicyDiff is what differs between the policies of both nodes.
func (b pairBackend) PolicyDiff(ctx context.Context) (view.PolicyDiff, error) {
	return b.gateway.sync.Diff(ctx)
}

// Resolve ends a conflict.
func (b pairBackend) Resolve(ctx context.Context, r view.Resolution, by report.Caller) (report.Applied, error) {
	return b.gateway.Resolve(ctx, r, by)
}

// Pull has this node run what the other one does, and brings what came while rempart.toml was edited into it.
func (b pairBackend) Pull(ctx context.Context, _ report.Caller) (view.Carried, error) {
	return b.carry(ctx, b.gateway.sync.Pull)
}

// Push has the other node run what this one does.
func (b pairBackend) Push(ctx context.Context, _ report.Caller) (view.Carried, error) {
	return b.carry(ctx, b.gateway.sync.Push)
}

func (b pairBackend) carry(ctx context.Context, way func(context.Context) (int, error)) (view.Carried, error) {
	if !b.keys.State().Paired {
		return view.Carried{}, view.Statef("the nodes are not paired: `rempart ha pair`")
	}
	n, err := way(ctx)
	if err != nil {
		return view.Carried{}, b.gateway.failure(err)
	}
	out := view.Carried{Revisions: n}
	if out.File, err = b.gateway.files.merge(); err != nil {
		return view.Carried{}, err
	}
	p, err := b.gateway.sync.View(ctx)
	out.Revision = p.Own
	return out, err
}

// PeerMaintenance orders the other node to leave the role to this one, or not any more.
func (b pairBackend) PeerMaintenance(ctx context.Context, on bool, by string) error {
	return linkFault(b.Node.PeerMaintenance(ctx, on, by))
}
