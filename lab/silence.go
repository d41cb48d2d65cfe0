package lab

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Silence makes devices of the host, each plugged into a switch, deaf and dumb: nothing that is sent
// there arrives, whoever sends it, and nothing is heard, while both ends of the cable keep their
// carrier and the switch still believes the host where it was. So looks a machine that hangs. The
// devices fall silent one right after the other, in less than a millisecond on a calm machine.
func (h *Host) Silence(devs ...string) {
	h.net.t.Helper()
	h.portStates(devs, portDisabled)
}

// Speak ends what Silence has begun.
func (h *Host) Speak(devs ...string) {
	h.net.t.Helper()
	h.portStates(devs, portForwarding)
}

// portState is the state of a port of a bridge, linux/if_bridge.h BR_STATE_*.
type portState uint8

const (
	portDisabled   portState = 0
	portForwarding portState = 3
)

// portStates looks all ports up before it sets the first.
func (h *Host) portStates(devs []string, state portState) {
	h.net.t.Helper()
	var ports []end
	var indexes []int
	for _, dev := range devs {
		far, ok := h.farEnd(dev)
		if !ok {
			h.check(fmt.Errorf("silence %s: %w", dev, errNoCable))
			return
		}
		l, err := far.space.find(far.dev)
		if err == nil && l.Attrs().MasterIndex == 0 {
			err = errNoSwitch
		}
		if err != nil {
			h.check(fmt.Errorf("silence %s: %w", dev, err))
			return
		}
		ports, indexes = append(ports, far), append(indexes, l.Attrs().Index)
	}
	for i, port := range ports {
		if err := port.space.do(func() error { return setPortState(indexes[i], state) }); err != nil {
			h.check(fmt.Errorf("silence %s: set port: %w", devs[i], err))
		}
	}
}

var errNoSwitch = errors.New("not plugged into a switch")

// setPortState sets the state of a port of a bridge in the namespace of the calling thread.
func setPortState(index int, state portState) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	info.AddRtAttr(nl.IFLA_BRPORT_STATE, nl.Uint8Attr(uint8(state)))
	req.AddData(msg)
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
