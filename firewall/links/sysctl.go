package links

import "strings"

// deviceMark is the element of a Sysctl's path that stands for the device.
const deviceMark = "{device}"

// Base is what the kernel of a gateway has to be told, for the interfaces that
// the policy names: names of links, or of devices. It turns forwarding on,
// so it is applied after the ruleset is loaded. Everything else, such as
// nf_conntrack_tcp_loose, is left as the machine has it.
func Base(devices []string) []Sysctl {
	settings := []Sysctl{
		// A write that changes it also resets accept_redirects, so it is first.
		{Path: "net/ipv4/ip_forward", Value: "1"},
		// With it, a device whose accept_ra is 1 ignores router advertisements:
		// a gateway that learns its own route by them needs accept_ra 2 there.
		{Path: "net/ipv6/conf/all/forwarding", Value: "1", Optional: true},
		// The kernel uses the larger of all and device. Either would drop
		// replies that come back by another gateway, and without a trace; the
		// ruleset's anti-spoofing counts and explains what it drops.
		{Path: "net/ipv4/conf/all/rp_filter", Value: "0"},
		// A redirect tells hosts to go around the gateway, and names this node
		// where they should keep to the virtual address. Sent if all or the
		// device says so.
		{Path: "net/ipv4/conf/all/send_redirects", Value: "0"},
		// The policy decides about routes, not a neighbour. While forwarding,
		// all and the device have to agree, so one is enough; IPv6 ignores them
		// when it forwards.
		{Path: "net/ipv4/conf/all/accept_redirects", Value: "0"},
		// A sender that chooses its way chooses the rules it meets. All and the
		// device have to agree; IPv6 never had the dangerous form.
		{Path: "net/ipv4/conf/all/accept_source_route", Value: "0"},
	}
	for _, device := range devices {
		settings = append(settings, deviceBase(device)...)
	}
	return settings
}

func deviceBase(device string) []Sysctl {
	return []Sysctl{
		{Device: device, Path: "net/ipv4/conf/{device}/rp_filter", Value: "0"},
		{Device: device, Path: "net/ipv4/conf/{device}/send_redirects", Value: "0"},
		// Answer for an address only on the device that has it. Otherwise a host
		// on one interface learns, and reaches on layer 2, the address of another.
		{Device: device, Path: "net/ipv4/conf/{device}/arp_ignore", Value: "1"},
		// Ask with an address of the subnet that is asked, not with the source
		// of the forwarded packet: hosts would learn wrong neighbours.
		{Device: device, Path: "net/ipv4/conf/{device}/arp_announce", Value: "2"},
		// Without it, the first address of a subnet takes the others with it
		// when it is removed, the virtual ones included.
		{Device: device, Path: "net/ipv4/conf/{device}/promote_secondaries", Value: "1"},
		// Its addresses and routes are the policy's: any host on the link could
		// advertise others.
		{Device: device, Path: "net/ipv6/conf/{device}/accept_ra", Value: "0", Optional: true},
	}
}

// on is the setting with its path for that device.
func (s Sysctl) on(device string) Sysctl {
	s.Path = strings.ReplaceAll(s.Path, deviceMark, device)
	return s
}
