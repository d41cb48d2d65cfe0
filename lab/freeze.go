package lab

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Freeze makes the host deaf and dumb: no socket and no part of its kernel hears a frame of any
// device but the loopback, and nothing that they send leaves, though it seems to. All devices stay
// up and keep their carrier, addresses and routes, and processes run on. To others it is a machine
// whose kernel hangs.
//
// Devices that are added later are not frozen before the next Freeze. What a packet(7) socket sends
// past the queue (PACKET_QDISC_BYPASS) leaves all the same.
func (h *Host) Freeze() {
	h.net.t.Helper()
	if err := h.freeze(); err != nil {
		h.check(fmt.Errorf("freeze: %w", err))
	}
}

// Thaw ends what Freeze began. What was sent meanwhile is lost.
func (h *Host) Thaw() {
	h.net.t.Helper()
	if err := h.thaw(); err != nil {
		h.check(fmt.Errorf("thaw: %w", err))
	}
}

// freeze drops what comes in by a program that sits below packet(7) sockets, which nft(8) and
// tc(8) do not, and what goes out at the way into the queue.
func (h *Host) freeze() error {
	// XDP_DROP and TC_ACT_STOLEN, which senders take for sent.
	const drop, stolen = 1, 4
	deaf, err := loadVerdict(unix.BPF_PROG_TYPE_XDP, drop)
	if err != nil {
		return err
	}
	defer deaf.Close() // devices hold their programs
	dumb, err := loadVerdict(unix.BPF_PROG_TYPE_SCHED_CLS, stolen)
	if err != nil {
		return err
	}
	defer dumb.Close()
	return h.eachDevice(func(l netlink.Link) error {
		// Generic mode, for that of a driver restarts its queues.
		if err := netlink.LinkSetXdpFdWithFlags(l, int(deaf.Fd()), unix.XDP_FLAGS_SKB_MODE); err != nil {
			return fmt.Errorf("drop what comes in: %w", err)
		}
		if err := netlink.QdiscReplace(clsact(l)); err != nil {
			return fmt.Errorf("add clsact: %w", err)
		}
		out := netlink.FilterAttrs{
			LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Handle: 1, Priority: 1, Protocol: unix.ETH_P_ALL,
		}
		filter := &netlink.BpfFilter{FilterAttrs: out, Fd: int(dumb.Fd()), Name: "freeze", DirectAction: true}
		if err := netlink.FilterReplace(filter); err != nil {
			return fmt.Errorf("drop what goes out: %w", err)
		}
		return nil
	})
}

func (h *Host) thaw() error {
	return h.eachDevice(func(l netlink.Link) error {
		out := netlink.QdiscDel(clsact(l))
		if errors.Is(out, unix.ENOENT) || errors.Is(out, unix.EINVAL) {
			out = nil // never frozen
		}
		return errors.Join(out, netlink.LinkSetXdpFdWithFlags(l, -1, unix.XDP_FLAGS_SKB_MODE))
	})
}

// eachDevice calls fn in the host's namespace for every device but the loopback.
func (h *Host) eachDevice(fn func(netlink.Link) error) error {
	return h.space.do(func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return fmt.Errorf("list links: %w", err)
		}
		var errs []error
		for _, l := range links {
			if l.Attrs().Flags&net.FlagLoopback != 0 {
				continue
			}
			if err := fn(l); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", l.Attrs().Name, err))
			}
		}
		return errors.Join(errs...)
	})
}

// clsact is where a device has its filters.
func clsact(l netlink.Link) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0),
	}}
}

// loadVerdict loads a program that says the same of every packet.
func loadVerdict(kind uint32, verdict int32) (*os.File, error) {
	return loadBPF(kind, 0, []bpfCode{{op: bpfMoveConst, dst: 0, imm: verdict}, {op: bpfExit}})
}
