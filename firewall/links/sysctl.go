package links

import (
	"slices"
	"strconv"
	"strings"
)

// deviceMark is the element of a Sysctl's path that stands for the device.
const deviceMark = "{device}"

// Settings is what the kernel of a gateway has to be told, for the interfaces of
// the policy. It turns forwarding on, so it is applied after the ruleset is
// loaded. Everything else, such as nf_conntrack_tcp_loose, is left as the machine
// has it; so is src_valid_mark, which only rp_filter asks for, and accept_local,
// since no host may speak with an address of the gateway.
func Settings(links []Link) []Sysctl {
	var settings []Sysctl
	for _, l := range links {
		// Any host on the link could advertise other addresses and routes than
		// the policy's. While forwarding, 1 is as 0, and the default routes of
		// such devices are removed when it begins: so it comes before.
		settings = append(settings, Sysctl{
			Device: l.Name, Path: "net/ipv6/conf/{device}/accept_ra", Value: choose(l.AcceptRA, "2", "0"), Optional: true,
		})
	}
	settings = append(settings, forwarding()...)
	for _, l := range links {
		settings = append(settings, deviceSettings(l)...)
	}
	settings = append(settings, steering()...)
	if slices.ContainsFunc(links, func(l Link) bool { return len(l.Moving) > 0 }) {
		settings = append(settings, absent()...)
	}
	return settings
}

// absent is what addresses need that are at the other node for now: a service binds to
// them beforehand, and is not started anew when they come.
func absent() []Sysctl {
	return []Sysctl{
		{Path: "net/ipv4/ip_nonlocal_bind", Value: "1"},
		{Path: "net/ipv6/ip_nonlocal_bind", Value: "1", Optional: true},
	}
}

// hashStep is of how many the kernel makes the buckets of its hash table a multiple, with pages of 4 KiB.
const hashStep = 512

// Tracking is what the kernel has to be told of connection tracking on a node of a pair: that
// flows report what happens to them whether or not somebody listened when they began,
// and for how many there is room. 0 leaves that as the machine has it. The settings
// are there once a ruleset has asked for flows.
func Tracking(flows int) []Sysctl {
	settings := []Sysctl{{Path: "net/netfilter/nf_conntrack_events", Value: "1", Optional: true, Shared: true}}
	if flows == 0 {
		return settings
	}
	// A flow is in the table twice, by each of its directions: half as many buckets hold
	// four entries each when it is full.
	buckets := (flows/2 + hashStep - 1) / hashStep * hashStep
	return append(settings,
		Sysctl{Path: "net/netfilter/nf_conntrack_buckets", Value: strconv.Itoa(buckets), Optional: true, Shared: true, AtLeast: true},
		Sysctl{Path: "net/netfilter/nf_conntrack_max", Value: strconv.Itoa(flows), Optional: true, Shared: true},
	)
}

func forwarding() []Sysctl {
	return []Sysctl{
		// A write that changes it also resets accept_redirects, so it is before.
		{Path: "net/ipv4/ip_forward", Value: "1"},
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
}

// steering is what several lines need.
func steering() []Sysctl {
	return []Sysctl{
		// A route of several hops shares flows by their ports as well, as a group
		// of gateways does: one busy pair of hosts does not fill one line.
		{Path: "net/ipv4/fib_multipath_hash_policy", Value: "1", Optional: true},
		{Path: "net/ipv6/fib_multipath_hash_policy", Value: "1", Optional: true},
		// A socket that accepts sends with the mark of what it accepted, and so
		// by its line, of IPv4 and IPv6.
		{Path: "net/ipv4/tcp_fwmark_accept", Value: "1"},
		// But an error about a packet goes to whoever sent it. With the mark of
		// the packet it would follow that to the provider, and the sender would
		// never hear that his packets are too big.
		{Path: "net/ipv4/fwmark_reflect", Value: "0"},
		{Path: "net/ipv6/fwmark_reflect", Value: "0", Optional: true},
	}
}

func deviceSettings(l Link) []Sysctl {
	return []Sysctl{
		{Device: l.Name, Path: "net/ipv4/conf/{device}/rp_filter", Value: "0"},
		{Device: l.Name, Path: "net/ipv4/conf/{device}/send_redirects", Value: "0"},
		// Answer for an address only on the device that has it. Otherwise a host
		// on one interface learns, and reaches on layer 2, the address of another.
		{Device: l.Name, Path: "net/ipv4/conf/{device}/arp_ignore", Value: "1"},
		// Ask with an address of the subnet that is asked, not with the source
		// of the forwarded packet: hosts would learn wrong neighbours.
		{Device: l.Name, Path: "net/ipv4/conf/{device}/arp_announce", Value: "2"},
		// Without it, the first address of a subnet takes the others with it
		// when it is removed, the virtual ones included.
		{Device: l.Name, Path: "net/ipv4/conf/{device}/promote_secondaries", Value: "1"},
		// Only a line's routes are passed over while it has no carrier, that of
		// its subnet included. Packets for an inside network would follow the
		// default route to the provider: they are lost at its device instead.
		{Device: l.Name, Path: "net/ipv4/conf/{device}/ignore_routes_with_linkdown", Value: choose(l.Line, "1", "0")},
		{Device: l.Name, Path: "net/ipv6/conf/{device}/ignore_routes_with_linkdown", Value: choose(l.Line, "1", "0"), Optional: true},
	}
}

func choose(when bool, yes, no string) string {
	if when {
		return yes
	}
	return no
}

// on is the setting with its path for that device.
func (s Sysctl) on(device string) Sysctl {
	s.Path = strings.ReplaceAll(s.Path, deviceMark, device)
	return s
}
