package firewall

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
)

// lockout says whether a policy cuts off the SSH connection over which somebody
// asks for it. Nil: no, or nobody comes from anywhere.
func (f *Firewall) lockout(ctx context.Context, w *rules.World, by report.Caller, now time.Time) (*report.Lockout, error) {
	own, ok := f.Host.ComesBy(by.PID)
	if !ok {
		return nil, nil
	}
	c, err := f.cutOff(ctx, w, own, now)
	if err != nil || c == nil {
		return nil, err
	}
	return &report.Lockout{Explanation: c.explanation, Message: fmt.Sprintf(
		"this policy would cut you off: your SSH connection from %s comes in by %s, and %s",
		own.Remote, c.in, c.why)}, nil
}

const (
	// sshPort is where sshd listens that is not told otherwise (sshd_config(5)).
	sshPort = 22
	// mostCutOffs is how many connections are looked at: each asks for all flows.
	mostCutOffs = 8
)

// cutOffs warns of the SSH connections to this node that a policy of the other one cuts off.
func (f *Firewall) cutOffs(ctx context.Context, w *rules.World, now time.Time) []string {
	node := cmp.Or(w.Config.Name, "this node")
	all, err := f.Host.Connections()
	if err != nil {
		return []string{fmt.Sprintf("whether SSH connections to %s would be cut off is not known: %v", node, err)}
	}
	var logins []Connection
	for own := range all {
		if own.Local.Port() == sshPort {
			logins = append(logins, own)
		}
	}
	slices.SortFunc(logins, func(a, b Connection) int { return a.Remote.Compare(b.Remote) })
	var out []string
	for _, own := range logins[:min(len(logins), mostCutOffs)] {
		c, err := f.cutOff(ctx, w, own, now)
		switch {
		case err != nil:
			out = append(out, fmt.Sprintf("whether the SSH connection from %s to %s would be cut off is not known: %v", own.Remote, node, err))
		case c != nil:
			out = append(out, fmt.Sprintf("the SSH connection from %s to %s would be cut off: it comes in by %s, and %s", own.Remote, node, c.in, c.why))
		}
	}
	return out
}

// cut is what a policy does to a connection that it cuts off.
type cut struct {
	in          string // the interface by which it comes
	why         string
	explanation report.Explanation
}

// cutOff says whether a policy cuts off a connection to this machine: whether
// who sits at its other end could not make it again. Nil: no.
func (f *Firewall) cutOff(ctx context.Context, w *rules.World, own Connection, now time.Time) (*cut, error) {
	device, ok := f.Host.DeviceTo(own.Remote.Addr())
	if !ok || device == loopback {
		return nil, nil // a way that nobody knows is not judged, and inside the machine all may pass
	}
	p, err := f.firstPacket(ctx, own)
	if err != nil {
		return nil, err
	}
	p.In = interfaceOn(w, device)
	after, err := f.after(ctx, w, own.Local.Addr())
	if err != nil {
		return nil, err
	}
	e := explain.New(after).Explain(p, now, false)
	why := e.Why
	switch {
	case !slices.Contains(after.OwnAddresses(""), own.Local.Addr()):
		why = own.Local.Addr().String() + " is no longer an address of the gateway"
	case e.Verdict != config.Pass.String():
	case e.Destination == own.Local:
		return nil, nil
	default:
		why = "it would be sent on to " + e.Destination.String()
	}
	return &cut{p.In, why, e}, nil
}

// loopback is the device by which a machine speaks to itself.
const loopback = "lo"

// after is the world as it will be once its policy runs: with what dynamic
// aliases hold, and with an address that the machine has now and keeps, although
// the policy may not name it.
func (f *Firewall) after(ctx context.Context, w *rules.World, keeps netip.Addr) (*rules.World, error) {
	dynamic, err := f.dynamic(ctx, w)
	if err != nil {
		return nil, err
	}
	ops, err := f.Links.Plan(ctx, Network(w))
	if err != nil {
		return nil, err
	}
	w = withDynamic(w, dynamic)
	if len(w.Config.Interfaces) == 0 || slices.Contains(w.OwnAddresses(""), keeps) || takesAway(ops, keeps) {
		return w, nil
	}
	c := *w.Config
	c.Interfaces = slices.Clone(c.Interfaces)
	i := &c.Interfaces[0]
	i.Addresses = append(slices.Clip(i.Addresses), netip.PrefixFrom(keeps, keeps.BitLen()))
	w.Config = &c
	return w, nil
}

// takesAway says whether changes remove an address from the machine.
func takesAway(ops []links.Op, a netip.Addr) bool {
	return slices.ContainsFunc(ops, func(op links.Op) bool {
		d, ok := op.(links.DeleteAddress)
		return ok && d.Prefix.Addr() == a
	})
}

// firstPacket is the packet that began a connection to this machine, as its
// sender wrote it: a port forward may have brought it here.
func (f *Firewall) firstPacket(ctx context.Context, own Connection) (config.Packet, error) {
	p := config.Packet{
		Protocol: config.TCP,
		Src:      own.Remote.Addr(), SrcPort: own.Remote.Port(), Dst: own.Local.Addr(), DstPort: own.Local.Port(),
	}
	all, err := f.FlowTable.List(ctx, nil)
	if err != nil {
		return config.Packet{}, err
	}
	i := slices.IndexFunc(all, func(fl flows.Flow) bool { return fl.Orig.Src == own.Remote && fl.Reply.Src == own.Local })
	if i >= 0 {
		p.Dst, p.DstPort = all[i].Orig.Dst.Addr(), all[i].Orig.Dst.Port()
	}
	return p, nil
}

// interfaceOn is the interface of a policy that is on a device. A device that
// the policy does not speak of is no interface, and no interface has such a name.
func interfaceOn(w *rules.World, device string) string {
	for _, i := range w.Config.Interfaces {
		if w.Device(i.Name) == device {
			return i.Name
		}
	}
	return "device " + device
}
