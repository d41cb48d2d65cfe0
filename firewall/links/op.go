package links

import (
	"fmt"
	"net/netip"
)

// Op is one change of the machine. Its String reads as what ip(8) would take.
type Op interface {
	fmt.Stringer
	op()
}

// AddAddress puts an address on a device, without duplicate address detection.
type AddAddress struct {
	Device string
	Index  int
	Prefix netip.Prefix
}

// DeleteAddress removes an address; others of its subnet stay.
type DeleteAddress struct {
	Device string
	Index  int
	Prefix netip.Prefix
}

// SetMTU changes the MTU of a device. Restore says that it is put back.
type SetMTU struct {
	Device   string
	Index    int
	From, To int
	Restore  bool
}

// SetUp takes a device up, or puts one down that was down before.
type SetUp struct {
	Device string
	Index  int
	Up     bool
}

// AddRoute adds a route of ours: before any IPv4 route of others with its
// destination and metric, and not at all beside such an IPv6 route.
type AddRoute struct{ Route Route }

// ReplaceRoute changes where a route of ours leads. No packet is without a
// route meanwhile.
type ReplaceRoute struct{ Old, New Route }

// DeleteRoute removes a route of ours.
type DeleteRoute struct{ Route Route }

// AddRule adds a rule of policy routing.
type AddRule struct{ Rule Rule }

// DeleteRule removes a rule of ours.
type DeleteRule struct{ Rule Rule }

// AddProxy makes a device answer for an address.
type AddProxy struct{ Proxy Proxy }

// DeleteProxy removes a proxy entry of ours.
type DeleteProxy struct{ Proxy Proxy }

// AddVoid makes VoidDevice, and takes it up.
type AddVoid struct{}

// DeleteVoid removes VoidDevice, and the routes to it.
type DeleteVoid struct{ Index int }

// SetSysctl writes a kernel setting. Restore says that it is put back.
type SetSysctl struct {
	Path     string
	From, To string
	Restore  bool
}

func (AddAddress) op()    {}
func (DeleteAddress) op() {}
func (SetMTU) op()        {}
func (SetUp) op()         {}
func (AddRoute) op()      {}
func (ReplaceRoute) op()  {}
func (DeleteRoute) op()   {}
func (AddRule) op()       {}
func (DeleteRule) op()    {}
func (AddProxy) op()      {}
func (DeleteProxy) op()   {}
func (AddVoid) op()       {}
func (DeleteVoid) op()    {}
func (SetSysctl) op()     {}

// String prints, for example, address add 10.1.2.2/28 dev eth1.
func (o AddAddress) String() string { return fmt.Sprintf("address add %s dev %s", o.Prefix, o.Device) }

// String prints, for example, address del 10.1.2.2/28 dev eth1.
func (o DeleteAddress) String() string {
	return fmt.Sprintf("address del %s dev %s", o.Prefix, o.Device)
}

// String prints, for example, link set eth1 mtu 1400 (was 1500).
func (o SetMTU) String() string {
	return fmt.Sprintf("link set %s mtu %d (was %d)", o.Device, o.To, o.From)
}

// String prints, for example, link set eth1 up.
func (o SetUp) String() string {
	if o.Up {
		return fmt.Sprintf("link set %s up", o.Device)
	}
	return fmt.Sprintf("link set %s down", o.Device)
}

// String prints, for example, route add default via 203.0.113.1 dev eth0.
func (o AddRoute) String() string { return "route add " + o.Route.String() }

// String prints the new route and what was there.
func (o ReplaceRoute) String() string {
	return fmt.Sprintf("route replace %s (was%s)", o.New, o.Old.way())
}

// String prints, for example, route del 10.8.0.0/16 via 10.1.2.3 dev eth1.
func (o DeleteRoute) String() string { return "route del " + o.Route.String() }

// String prints, for example, rule add priority 8201 from all fwmark 0x10000/0xff0000 table 82001.
func (o AddRule) String() string { return o.Rule.family() + "rule add " + o.Rule.String() }

// String prints, for example, -6 rule del priority 8500 from all table main suppress_prefixlength 0.
func (o DeleteRule) String() string { return o.Rule.family() + "rule del " + o.Rule.String() }

// String prints, for example, neighbour add proxy 203.0.113.5 dev eth0.
func (o AddProxy) String() string { return "neighbour add " + o.Proxy.String() }

// String prints, for example, neighbour del proxy 203.0.113.5 dev eth0.
func (o DeleteProxy) String() string { return "neighbour del " + o.Proxy.String() }

// String prints link add rempart-void type dummy.
func (o AddVoid) String() string { return "link add " + VoidDevice + " type " + voidKinds[0] }

// String prints link del rempart-void.
func (o DeleteVoid) String() string { return "link del " + VoidDevice }

// String prints, for example, sysctl net/ipv4/ip_forward 1 (was 0).
func (o SetSysctl) String() string {
	return fmt.Sprintf("sysctl %s %s (was %s)", o.Path, o.To, o.From)
}
