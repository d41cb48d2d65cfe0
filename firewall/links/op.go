package links

import (
	"fmt"
	"net/netip"
	"strings"
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

// AddRoute adds a route of ours beside any that is there.
type AddRoute struct{ Route Route }

// ReplaceRoute changes where a route of ours leads. No packet is without a
// route meanwhile.
type ReplaceRoute struct{ Old, New Route }

// DeleteRoute removes a route of ours.
type DeleteRoute struct{ Route Route }

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

// String prints, for example, sysctl net/ipv4/ip_forward 1 (was 0).
func (o SetSysctl) String() string {
	return fmt.Sprintf("sysctl %s %s (was %s)", o.Path, o.To, o.From)
}

// String prints the route as ip-route(8) does; an IPv6 default is ::/0, so that
// the family shows.
func (r Route) String() string {
	var b strings.Builder
	if r.Dst == netip.PrefixFrom(netip.IPv4Unspecified(), 0) {
		b.WriteString("default")
	} else {
		b.WriteString(r.Dst.String())
	}
	b.WriteString(r.way())
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	if r.Table != 0 && r.Table != mainTable {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	return b.String()
}

// way is the part of a route that says where it leads.
func (r Route) way() string {
	var b strings.Builder
	if r.Via.IsValid() {
		fmt.Fprintf(&b, " via %s", r.Via)
	}
	if r.Device != "" {
		fmt.Fprintf(&b, " dev %s", r.Device)
	}
	if r.OnLink {
		b.WriteString(" onlink")
	}
	return b.String()
}
