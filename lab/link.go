package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Switch is an Ethernet switch: a bridge, in a namespace of its own, that floods multicast.
type Switch struct {
	net    *Net
	name   string
	space  *space
	bridge netlink.Link
}

// Switch adds a switch without ports. Its name must be unique among hosts and switches.
func (n *Net) Switch(name string) *Switch {
	n.t.Helper()
	sw := &Switch{net: n, name: name}
	if err := sw.make(); err != nil {
		n.check(fmt.Errorf("add switch: %w", err))
	}
	return sw
}

func (sw *Switch) make() error {
	// A switch has no addresses, so it says nothing of its own.
	s, err := sw.net.add(sw.name, []setting{
		{"net.ipv6.conf.all.disable_ipv6", "1"},
		{"net.ipv6.conf.default.disable_ipv6", "1"},
	})
	if err != nil {
		return err
	}
	sw.space = s
	snooping := false
	br := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs(), MulticastSnooping: &snooping}
	br.Name = "br0"
	if err := s.link.LinkAdd(br); err != nil {
		return fmt.Errorf("add bridge: %w", err)
	}
	sw.bridge = br
	return s.up(br.Name)
}

// end is one end of a cable.
type end struct {
	space *space
	dev   string
}

// Plug puts a cable between a new device of the host and a new port of the switch, sets both up and
// gives the device addresses. It returns when frames can pass.
func (h *Host) Plug(dev string, sw *Switch, addrs ...netip.Prefix) {
	h.net.t.Helper()
	if err := h.plug(dev, sw); err != nil {
		h.check(fmt.Errorf("plug %s into %s: %w", dev, sw.name, err))
		return
	}
	h.AddAddr(dev, addrs...)
}

func (h *Host) plug(dev string, sw *Switch) error {
	number := h.net.nextLink()
	near, far := end{h.space, dev}, end{sw.space, fmt.Sprintf("p%d", number)}
	if err := connect(near, far, number, h.name+":"+dev); err != nil {
		return err
	}
	h.remember(dev, far)
	port, err := far.space.find(far.dev)
	if err != nil {
		return err
	}
	if err := far.space.link.LinkSetMaster(port, sw.bridge); err != nil {
		return fmt.Errorf("add port: %w", err)
	}
	return bringUp(near, far)
}

// Cable puts a cable straight between new devices of two hosts and sets both up. It returns when
// frames can pass. A switch between the hosts costs little and lets both ends lose their carrier.
func (n *Net) Cable(a *Host, adev string, b *Host, bdev string) {
	n.t.Helper()
	if err := n.cable(a, adev, b, bdev); err != nil {
		n.check(fmt.Errorf("cable %s:%s to %s:%s: %w", a.name, adev, b.name, bdev, err))
	}
}

func (n *Net) cable(a *Host, adev string, b *Host, bdev string) error {
	near, far := end{a.space, adev}, end{b.space, bdev}
	if err := connect(near, far, n.nextLink(), ""); err != nil {
		return err
	}
	a.remember(adev, far)
	b.remember(bdev, near)
	return bringUp(near, far)
}

// connect makes a veth pair, straight where its ends belong.
func connect(near, far end, number int, alias string) error {
	if near.space == nil || far.space == nil {
		return errNotMade
	}
	return far.space.withFD(func(fd int) error {
		v := &netlink.Veth{
			LinkAttrs:     netlink.NewLinkAttrs(),
			PeerName:      far.dev,
			PeerNamespace: netlink.NsFd(fd),
		}
		v.Name = near.dev
		v.Alias = alias
		// The kernel tells at once that a carrier came or went only if the two ends differ in
		// their index (linkwatch_urgent_event), else up to a second late; fresh namespaces would
		// give both the same.
		v.Index = firstIndex + number
		if err := near.space.link.LinkAdd(v); err != nil {
			return fmt.Errorf("add veth: %w", err)
		}
		return nil
	})
}

// firstIndex is above all indices that the kernel gives by itself here.
const firstIndex = 10_000

// nextLink numbers the cables of a network.
func (n *Net) nextLink() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links++
	return n.links
}

func (h *Host) remember(dev string, far end) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.far[dev] = far
}

func (h *Host) farEnd(dev string) (end, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	far, ok := h.far[dev]
	return far, ok
}

// bringUp sets both ends up, the far one first, and waits until frames can pass.
func bringUp(near, far end) error {
	if err := errors.Join(far.space.up(far.dev), near.space.up(near.dev)); err != nil {
		return err
	}
	return errors.Join(far.await(true), near.await(true), far.settle(), near.settle())
}

// settle waits until the IPv6 addresses of a device that is up can be asked for. Even without
// duplicate address detection the kernel joins their multicast groups in a while of its own, and
// who asks before that asks again only a second later.
func (e end) settle() error {
	deadline := time.Now().Add(settleTime)
	for {
		l, err := e.space.find(e.dev)
		if err != nil || l.Attrs().Flags&net.FlagRunning == 0 {
			return err
		}
		addrs, err := e.space.link.AddrList(l, netlink.FAMILY_V6)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return fmt.Errorf("list addresses of %s: %w", e.dev, err)
		}
		if err == nil && !slices.ContainsFunc(addrs, tentative) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("link %s: addresses still tentative after %s", e.dev, settleTime)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// settleTime bounds the waits for the kernel. It is long enough for duplicate address detection, for
// who has switched that on again.
const settleTime = 5 * time.Second

// tentative addresses are not joined to their group yet, and not known to be a duplicate.
func tentative(a netlink.Addr) bool {
	return a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == unix.IFA_F_TENTATIVE
}

// await waits until the kernel has told everyone that the end can, or cannot, pass frames.
func (e end) await(up bool) error {
	deadline := time.Now().Add(settleTime)
	for {
		l, err := e.space.find(e.dev)
		if err != nil {
			return err
		}
		state := l.Attrs().OperState
		if (state == netlink.OperUp) == up {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("link %s: still %s", e.dev, state)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// Down sets a device of the host down, as `ip link set down` does: its routes go, addresses stay.
func (h *Host) Down(dev string) {
	h.net.t.Helper()
	h.check(h.space.down(dev))
}

// Up sets a device of the host up, and waits for its carrier unless the cable is out.
func (h *Host) Up(dev string) {
	h.net.t.Helper()
	h.check(h.up(dev))
}

func (h *Host) up(dev string) error {
	if err := h.space.up(dev); err != nil {
		return err
	}
	far, ok := h.farEnd(dev)
	if !ok {
		return nil
	}
	l, err := far.space.find(far.dev)
	if err != nil || l.Attrs().Flags&net.FlagUp == 0 {
		return err
	}
	near := end{h.space, dev}
	return errors.Join(far.await(true), near.await(true), near.settle())
}

// Unplug pulls the cable of a device out: the device stays up and keeps all, but has no carrier. At
// the other end of a [Net.Cable], the other host finds its device set down.
func (h *Host) Unplug(dev string) {
	h.net.t.Helper()
	if err := h.unplug(dev); err != nil {
		h.check(fmt.Errorf("unplug %s: %w", dev, err))
	}
}

func (h *Host) unplug(dev string) error {
	far, ok := h.farEnd(dev)
	if !ok {
		return errNoCable
	}
	if err := far.space.down(far.dev); err != nil {
		return err
	}
	return end{h.space, dev}.await(false)
}

// Replug puts the cable back that Unplug has pulled out.
func (h *Host) Replug(dev string) {
	h.net.t.Helper()
	if err := h.replug(dev); err != nil {
		h.check(fmt.Errorf("replug %s: %w", dev, err))
	}
}

func (h *Host) replug(dev string) error {
	far, ok := h.farEnd(dev)
	if !ok {
		return errNoCable
	}
	return bringUp(end{h.space, dev}, far)
}

var errNoCable = errors.New("no such cable")

// MTU sets the largest packet of a device and of the other end of its cable, in bytes.
func (h *Host) MTU(dev string, bytes int) {
	h.net.t.Helper()
	ends := []end{{h.space, dev}}
	if far, ok := h.farEnd(dev); ok {
		ends = append(ends, far)
	}
	for _, e := range ends {
		l, err := e.space.find(e.dev)
		if err == nil {
			err = e.space.link.LinkSetMTU(l, bytes)
		}
		if !h.check(err) {
			return
		}
	}
}
