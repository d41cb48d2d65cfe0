package firewall

import (
	"net"
	"net/netip"
	"slices"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/links"
)

// Network is what a policy wants of the machine's devices, addresses, routes and kernel settings.
func Network(c *config.Config) links.State {
	var out links.State
	names := make([]string, 0, len(c.Interfaces))
	for _, i := range c.Interfaces {
		mac, _ := net.ParseMAC(i.MAC) // config has read it; empty gives nil
		out.Links = append(out.Links, links.Link{
			Name: i.Name, Device: device(i), MAC: mac, MTU: i.MTU, Up: true, Addresses: held(c, i),
		})
		names = append(names, i.Name)
	}
	for _, r := range c.Routes {
		g := c.Gateway(r.Gateway)
		if g == nil {
			continue
		}
		out.Routes = append(out.Routes, links.Route{Dst: r.Destination, Via: g.Address, Device: g.Interface, OnLink: g.OnLink, Metric: r.Metric})
	}
	out.Sysctls = links.Base(names)
	return out
}

// held is the addresses of an interface: its own, further ones, and those that it
// holds for others.
func held(c *config.Config, i config.Interface) []netip.Prefix {
	out := slices.Clone(i.Addresses)
	for _, v := range c.VIPs {
		if v.Kind == config.VIPAlias && v.Interface == i.Name {
			out = append(out, v.Address)
		}
	}
	for _, a := range c.HeldOneToOne(i.Name) {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out
}

// device is the name that an interface goes by when no MAC selects it: its own when none is written.
func device(i config.Interface) string {
	if i.Device == "" && i.MAC == "" {
		return i.Name
	}
	return i.Device
}
