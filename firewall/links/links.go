// Package links keeps the interfaces, addresses, routes and kernel settings of
// the gateway as the policy wants them.
//
//	State (wanted) --+
//	Machine (found) -+--> Diff --> []Op --> Kernel.Do
//	Owned (record) --+
//
// What was there before and is not ours is left alone. Routes, rules of policy
// routing and proxy entries are ours when they carry Protocol. Addresses, MTUs and
// kernel settings are ours when the Owner's record says so: an address that
// existed before is used but never removed, and a value that was changed is put
// back when the policy lets go of it.
package links

import (
	"net"
	"net/netip"
	"strconv"
)

// Protocol is the origin that rtnetlink shows for our routes, rules and proxy
// entries, `proto 82` in ip-route(8), ip-rule(8) and ip-neighbour(8). The number is
// free in iproute2's rt_protos. Whatever carries it belongs to this package: it is
// removed when no State wants it.
const Protocol = 82

// State is all that the gateway wants of the machine's network. The zero State
// wants nothing: what was added for an earlier one is given back.
type State struct {
	Links   []Link
	Routes  []Route
	Rules   []Rule   // of policy routing
	Proxies []Proxy  // addresses that a device answers for
	Sysctls []Sysctl // written in this order
}

// Link is an interface of the policy and the device behind it.
type Link struct {
	Name   string           // the policy's word for it: "wan"
	Device string           // the kernel's name; empty: the device is found by MAC
	MAC    net.HardwareAddr // looked for when Device is empty
	MTU    int              // bytes; zero leaves the device's own
	Up     bool             // false leaves it as it is
	// Addresses are the addresses with the length of their subnet, host bits
	// kept: 10.1.2.2/28.
	Addresses []netip.Prefix
	// Moving are addresses that come and go by another hand, as those that a pair of
	// gateways moves between its nodes: they are neither added nor removed, whoever
	// put them there, and are not learned.
	Moving []netip.Prefix
	// Line says that the interface leads to a gateway: while it has no carrier,
	// its routes are passed over for others.
	Line bool
	// AcceptRA says that its IPv6 addresses and default route come by router
	// advertisements.
	AcceptRA bool
}

// Sysctl is one kernel setting.
type Sysctl struct {
	// Path is below /proc/sys, with slashes, since a device's name may hold a
	// dot. "{device}" in it stands for the device that Device means.
	Path  string
	Value string
	// Device is the name of a Link or of a device. While that is missing, the
	// setting waits for it.
	Device string
	// Optional settings are passed over by a kernel that does not have them.
	Optional bool
	// AtLeast says that Value is a number, and that more of it is as good.
	AtLeast bool
	// Shared settings are those of the whole machine, which can only be read in a network
	// namespace that is not its first: there they stay as they are, with a *FixedSysctl.
	Shared bool
}

// met says whether a value is as good as the wanted one.
func (s Sysctl) met(value string) bool {
	if !s.AtLeast {
		return value == s.Value
	}
	have, err := strconv.ParseUint(value, 10, 64)
	least, wrong := strconv.ParseUint(s.Value, 10, 64)
	return err == nil && wrong == nil && have >= least
}
