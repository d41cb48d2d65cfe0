package ha

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// clockDoubt is how far two clocks may be apart before logs and certificates suffer.
const clockDoubt = 2 * time.Second

// testTime is how long test frames may be on their way.
const testTime = 300 * time.Millisecond

// doctor looks at a pair, one thing after the other.
type doctor struct {
	node *Node
	tell func(view.Finding) error
	err  error // of tell: whoever asked went away
	// What is known when the examination begins.
	status  view.Status
	here    facts
	there   facts
	links   []link
	reaches map[string][]bool     // families in which both have an address of their own, by link
	many    bool                  // some vhid has more than one address
	faces   map[netip.Addr]string // the hardware addresses of what this node holds
	virtual map[string]bool       // links with a virtual hardware address
}

// Doctor looks for what is wrong with the pair and its networks, and tells each finding as it comes.
func (n *Node) Doctor(ctx context.Context, tell func(view.Finding) error) error {
	d := &doctor{node: n, tell: tell}
	if _, err := do(ctx, n, func(now time.Time) (struct{}, error) { return struct{}{}, d.begin(now) }); err != nil {
		return err
	}
	d.secrets()
	d.addresses()
	if d.status.Peer.State == "foreign" {
		d.say("peer", "", view.Good, "", "a CARP speaker that is not rempart is heard: %v", d.status.Peer.Foreign)
		return d.err
	}
	d.life()
	if !d.status.Peer.Connected {
		d.say("link", d.cable(), view.Bad, "look at the cable, and whether both nodes have each other's address or none in node.toml ([ha] peer)",
			"the daemons have no connection over the cable: what needs both of them is not looked at")
		return d.err
	}
	d.compare(ctx)
	d.networks(ctx)
	return d.err
}

// begin notes what the loop knows.
func (d *doctor) begin(now time.Time) error {
	n := d.node
	if n.settings == nil {
		return view.ErrNotConfigured
	}
	d.status, d.here, d.links = n.status(now), n.ownFacts(now), slices.Clone(n.settings.links)
	d.reaches, d.faces, d.virtual = map[string][]bool{}, map[netip.Addr]string{}, map[string]bool{}
	for _, l := range d.links {
		for _, a := range n.peer.addresses[l.name] {
			if p := n.ports[l.name]; p != nil && n.own(p, a.Is6()).IsValid() {
				d.reaches[l.name] = append(d.reaches[l.name], a.Is6())
			}
		}
	}
	for _, g := range n.groups {
		for _, h := range g.settings.carp.VHosts {
			d.many = d.many || len(h.Send.Addresses) > 1
		}
		for _, v := range g.settings.vips {
			if p := n.ports[v.link]; p != nil {
				d.faces[v.prefix.Addr()] = n.face(p, v).String()
				d.virtual[v.link] = n.settings.virtual && n.vhidOn(v.link) != 0
			}
		}
		n.defend(now, g) // so that the peer can say whom it heard speak for the addresses
	}
	return nil
}

// say tells a finding.
func (d *doctor) say(check, on string, r view.Result, remedy, format string, args ...any) {
	if d.err == nil {
		d.err = d.tell(view.Finding{Check: check, On: on, Result: r, Text: fmt.Sprintf(format, args...), Remedy: remedy})
	}
}

// cable is the name of the link between the nodes.
func (d *doctor) cable() string {
	if i := slices.IndexFunc(d.links, func(l link) bool { return l.cable }); i >= 0 {
		return d.links[i].name
	}
	return ""
}

// secrets looks for speakers that are not understood, and for frames that are not what they seem.
func (d *doctor) secrets() {
	now := time.Now()
	seen := func(name string) (string, bool) { return d.node.stats.recent(now, name, recent) }
	if from, ok := seen(refusedBeat); ok {
		d.say("secret", "", view.Bad, "put the same content into the secret file of both nodes, then `rempart apply`", "a node at %s speaks with another secret", from)
	} else {
		d.say("secret", "", view.Good, "", "no node speaks with another secret")
	}
	if from, ok := seen(refusedAd); ok {
		remedy := "give both nodes the same secret and the same addresses on the vhid; a stranger needs another vhid"
		if d.many {
			remedy = "a vhid with several addresses cannot be shared with ucarp, which knows one IPv4 address: give it that one alone, and let the others follow without a vhid. " + remedy
		}
		d.say("duplicate vhid", "", view.Bad, remedy, "%s advertises one of our vhids with another secret or other addresses", from)
	} else {
		d.say("duplicate vhid", "", view.Good, "", "no stranger uses our vhids")
	}
	if from, ok := seen(refusedOwn); ok {
		d.say("own echo", "", view.Doubt, "look for a switch or hypervisor that reflects multicast (VMware: Net.ReversePathFwdCheckPromisc = 1)", "own frames come back: %s", from)
	} else {
		d.say("own echo", "", view.Good, "", "own frames do not come back")
	}
	if from, ok := seen(refusedForged); ok {
		d.say("forgery", "", view.Bad, "find out who that is: nothing follows from these frames, but somebody sends them", "authentic advertisements that are not the peer's came from %s", from)
	}
}

// addresses looks for others that claim ours.
func (d *doctor) addresses() {
	clean := true
	for _, v := range d.status.VIPs {
		if v.Conflict != "" && v.Held {
			clean = false
			d.say("addresses", v.Interface, view.Bad, "give that host another address", "%v is claimed by %s as well", v.Address.Addr(), v.Conflict)
		}
	}
	if clean {
		d.say("addresses", "", view.Good, "", "nobody else claims the virtual addresses")
	}
	for _, w := range d.status.Paths {
		if !w.Carrier {
			d.say("carrier", w.Interface, view.Bad, "plug the cable in, or look at what it leads to", "no carrier")
		}
	}
}

// life says how the peer is, and whether it differs from us where it has to.
func (d *doctor) life() {
	p := d.status.Peer
	switch p.State {
	case "alive":
		d.say("peer", "", view.Good, "", "%s is alive, rempart %s", p.Node, p.Version)
	case "doubtful":
		d.say("peer", "", view.Doubt, "look again: a busy machine is late now and then, and an interval that is too short for it makes that matter", "the peer has been silent for a moment")
	default:
		d.say("peer", "", view.Bad, "look whether its daemon runs and which networks it is on", "the peer is %s", p.State)
		return
	}
	if p.Node == d.status.Node {
		d.say("names", "", view.Bad, "write different names into node.toml", "both nodes are named %q", p.Node)
	}
	for _, theirs := range p.Groups {
		for _, ours := range d.status.Groups {
			if ours.Name == theirs.Name && ours.AdvSkew == theirs.AdvSkew {
				d.say("priorities", "", view.Doubt, "write different advskew into the two node.toml", "both nodes have advskew %d in group %s", ours.AdvSkew, ours.Name)
			}
		}
	}
	if !p.InStep {
		d.say("policy", "", view.Doubt, "apply the same policy on both", "the nodes do not enforce the same policy")
	}
}

// compare holds the facts of both nodes against each other.
func (d *doctor) compare(ctx context.Context) {
	asked := time.Now()
	there, err := askPeer[facts](ctx, d.node, askFacts, about{})
	if err != nil {
		d.say("link", d.cable(), view.Bad, "look whether both run the same version", "the peer does not answer: %v", err)
		return
	}
	d.there = there
	answered := time.Now()
	middle := asked.Add(answered.Sub(asked) / 2)
	if apart := there.Clock.Sub(middle).Abs(); apart > clockDoubt {
		d.say("clocks", "", view.Doubt, "let both nodes keep time by NTP", "the clocks are %v apart", apart.Round(time.Millisecond))
	} else {
		d.say("clocks", "", view.Good, "", "the clocks are within %v of each other", max(apart, answered.Sub(asked)).Round(time.Millisecond))
	}
	d.limits()
	for _, l := range d.links {
		if ours, theirs := d.here.MTU[l.name], there.MTU[l.name]; theirs != 0 && ours != theirs {
			d.say("MTU", l.name, view.Bad, "set the same mtu on both nodes", "%d here and %d there", ours, theirs)
		}
	}
	d.believed()
}

// believed says whether the peer heard us announce what we hold.
func (d *doctor) believed() {
	for _, v := range d.status.VIPs {
		if !v.Held {
			continue
		}
		switch by := d.there.Announced[v.Address.Addr().String()]; by {
		case "":
			d.say("announcements", v.Interface, view.Doubt, "look for a switch that drops gratuitous ARP (dynamic ARP inspection, port security)", "the peer never heard anybody announce %v", v.Address.Addr())
		case d.faces[v.Address.Addr()]:
			d.say("announcements", v.Interface, view.Good, "", "the peer knows that %v is here", v.Address.Addr())
		default:
			d.say("announcements", v.Interface, view.Bad, "look for another host with this address", "the peer heard %s announce %v last", by, v.Address.Addr())
		}
	}
}

// networks sends test frames on every link in both directions, and says what came.
func (d *doctor) networks(ctx context.Context) {
	id := uint16(rand.N(1<<16-1) + 1)
	n := d.node
	n.tests.begin(id)
	_, err := askPeer[struct{}](ctx, n, askListen, about{id})
	if err == nil {
		_, err = do(ctx, n, func(time.Time) (struct{}, error) { n.speakTests(id); return struct{}{}, nil })
	}
	if err == nil {
		_, err = askPeer[struct{}](ctx, n, askSpeak, about{id})
	}
	pause(ctx, testTime)
	var there []string
	if err == nil {
		there, err = askPeer[[]string](ctx, n, askHeard, about{id})
	}
	here := n.tests.end()
	if err != nil {
		d.say("networks", "", view.Bad, "look whether both run the same version", "the test frames could not be sent: %v", err)
		return
	}
	for _, l := range d.links {
		for _, is6 := range []bool{false, true} {
			d.network(l, is6, here, there)
		}
	}
}

// network says what came of the test frames of one link and family.
func (d *doctor) network(l link, is6 bool, here, there []string) {
	hows := []string{byMulticast}
	if slices.Contains(d.reaches[l.name], is6) {
		hows = append(hows, byUnicast)
		if l.cable {
			hows = append(hows, bySize)
		}
	}
	if d.virtual[l.name] {
		hows = append(hows, byVirtual)
	}
	for _, how := range hows {
		name := testName(l.name, is6, how)
		_, check, _ := strings.Cut(name, "/")
		check = strings.ReplaceAll(check, "/", " ")
		in, out := slices.Contains(here, name), slices.Contains(there, name)
		switch {
		case in && out:
			d.say(check, l.name, view.Good, "", "passes both ways")
		case !in && !out && is6 && how == byMulticast && !slices.Contains(d.reaches[l.name], true):
			d.say(check, l.name, view.Skipped, "", "the interface has no IPv6")
		default:
			d.say(check, l.name, worst(l, how), remedies[how], "%s", passed(in, out))
		}
	}
}

func passed(in, out bool) string {
	switch {
	case in:
		return "comes from the peer, and does not get there"
	case out:
		return "gets to the peer, and does not come from there"
	}
	return "passes neither way"
}

// worst is how bad it is that test frames of a way are lost: a pair that was told to use unicast can
// do without multicast.
func worst(l link, how string) view.Result {
	if how == byMulticast && len(l.peers) > 0 {
		return view.Doubt
	}
	return view.Bad
}

var remedies = map[string]string{
	byMulticast: "let the switch pass link-local multicast (IGMP snooping without a querier, port isolation), or write [interface.X] peer in node.toml for unicast",
	byUnicast:   "look for a filter between the nodes, or a wrong address in node.toml",
	byVirtual:   "allow forged transmits and MAC address changes on the hypervisor's port, or set virtual_mac = false",
	bySize:      "let every device of the cable carry frames of its MTU",
}
