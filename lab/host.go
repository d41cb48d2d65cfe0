package lab

import (
	"fmt"
	"net"
	"sync"
)

// Host is a machine of the network: a namespace with its loopback up.
//
// It is a quiet machine with few surprises: IPv6 addresses are usable at once (no duplicate address
// detection), no router solicitations, no forwarding, no reverse path filter, and no limit on the
// rate of ICMP errors, whatever the defaults of the machine below.
type Host struct {
	net   *Net
	name  string
	space *space

	mu  sync.Mutex
	far map[string]end  // of the cable in a device
	raw map[int]*socket // for Send, by domain
}

// Host adds a machine. Names are of lower case letters, digits and dashes, and unique in the network.
func (n *Net) Host(name string) *Host {
	n.t.Helper()
	h := &Host{net: n, name: name, far: make(map[string]end), raw: make(map[int]*socket)}
	s, err := n.add(name, hostSettings())
	if err != nil {
		n.check(fmt.Errorf("add host: %w", err))
		return h
	}
	h.space = s
	return h
}

// hostSettings differ from the kernel's defaults, or from what a namespace inherits.
func hostSettings() []setting {
	set := []setting{
		{"net.ipv4.ip_forward", "0"}, // first: it resets others
		{"net.ipv4.icmp_ratelimit", "0"},
		{"net.ipv4.icmp_msgs_per_sec", "1000000"},
		{"net.ipv4.icmp_msgs_burst", "1000000"},
		{"net.ipv4.ping_group_range", "0 2147483647"},
		{"net.ipv6.icmp.ratelimit", "0"},
	}
	for _, conf := range []string{"all", "default"} {
		set = append(set,
			setting{"net.ipv4.conf." + conf + ".rp_filter", "0"},
			setting{"net.ipv6.conf." + conf + ".accept_dad", "0"},
			setting{"net.ipv6.conf." + conf + ".router_solicitations", "0"},
			setting{"net.ipv6.conf." + conf + ".keep_addr_on_down", "1"},
		)
	}
	return set
}

// Name is the name that the host was added by, and that its servers answer with.
func (h *Host) Name() string { return h.name }

// Namespace is the name of its namespace for ip-netns(8).
func (h *Host) Namespace() string { return h.net.Prefix() + h.name }

// Do runs fn on a thread inside the host's namespace and returns its error. Sockets that fn opens
// stay in the namespace and may be used anywhere; goroutines that fn starts are not in it.
func (h *Host) Do(fn func() error) error { return h.space.do(fn) }

// Sysctl sets a key, with dots or with slashes, in the host's namespace.
func (h *Host) Sysctl(key, value string) {
	h.net.t.Helper()
	err := h.space.do(func() error { return writeSysctl(key, value) })
	h.check(err)
}

// Forward makes the host a router for IPv4 and IPv6.
func (h *Host) Forward() {
	h.net.t.Helper()
	h.Sysctl("net.ipv4.ip_forward", "1")
	h.Sysctl("net.ipv6.conf.all.forwarding", "1")
}

// MAC returns the hardware address of a device, nil if there is none.
func (h *Host) MAC(dev string) net.HardwareAddr {
	h.net.t.Helper()
	l, err := h.space.find(dev)
	if !h.check(err) {
		return nil
	}
	return l.Attrs().HardwareAddr
}

// check reports a failure of building under the host's name.
func (h *Host) check(err error) bool {
	h.net.t.Helper()
	if err == nil {
		return true
	}
	return h.net.check(h.wrap(err))
}

// wrap says whose error it is.
func (h *Host) wrap(err error) error { return fmt.Errorf("host %s: %w", h.name, err) }
