package vmac

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
)

// devices sorts what is wanted, and leaves out what wants nothing. It refuses what would
// give one address two MACs.
func devices(wanted []Wanted) ([]device, error) {
	var all []device
	for _, w := range wanted {
		if len(w.Hosts) == 0 {
			continue
		}
		d, err := newDevice(w)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b device) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(all); i++ {
		if all[i].name == all[i-1].name {
			return nil, contradiction(all[i].name, "named twice")
		}
	}
	return all, nil
}

func newDevice(w Wanted) (device, error) {
	d := device{name: w.Device}
	taken := make(map[netip.Addr]bool)
	for _, h := range w.Hosts {
		m := virtual(h.VHID)
		if h.VHID == 0 || slices.Contains(d.macs, m) {
			return device{}, contradiction(w.Device, "vhid %d: want 1 to 255, each once", h.VHID)
		}
		d.macs = append(d.macs, m)
		d.shy = d.shy || h.Leaving
		for _, a := range h.Addresses {
			a = a.Unmap().WithZone("")
			if !a.IsValid() || taken[a] {
				return device{}, contradiction(w.Device, "vhid %d: address %s: want each once", h.VHID, a)
			}
			taken[a] = true
			if a.Is4() {
				d.ip4 = append(d.ip4, bound{a, m})
			} else {
				d.ip6 = append(d.ip6, bound{a, m})
			}
		}
	}
	slices.SortFunc(d.macs, func(a, b mac) int { return bytes.Compare(a[:], b[:]) })
	byAddr := func(a, b bound) int { return a.addr.Compare(b.addr) }
	slices.SortFunc(d.ip4, byAddr)
	slices.SortFunc(d.ip6, byAddr)
	return d, nil
}

// Priorities of the chains: the first to see what comes in, the last to see what goes out.
const (
	before = -300
	after  = 300
)

// compile is the table for devices.
func compile(devs []device) ruleset {
	var r ruleset
	for _, d := range devs {
		r.sets = append(r.sets, d.sets()...)
		r.chains = append(r.chains,
			chain{name: "in-" + d.name, hook: ingress, device: d.name, priority: before, rules: d.in()},
			chain{name: "out-" + d.name, hook: egress, device: d.name, priority: after, rules: d.out()},
		)
	}
	return r
}

// hostsPrefix begins the name of the set that keeps a device's MACs. What a process that died
// has left behind is found by it.
const hostsPrefix = "hosts-"

func (d device) hostsSet() string { return hostsPrefix + d.name }
func (d device) ip4Map() string   { return "ip4-" + d.name }
func (d device) ip6Map() string   { return "ip6-" + d.name }

func (d device) sets() []set {
	sets := []set{{name: d.hostsSet(), of: etherAddr, macs: d.macs}}
	if len(d.ip4) > 0 {
		sets = append(sets, set{name: d.ip4Map(), of: ip4Addr, bound: d.ip4})
	}
	if len(d.ip6) > 0 {
		sets = append(sets, set{name: d.ip6Map(), of: ip6Addr, bound: d.ip6})
	}
	return sets
}

// in makes frames for the MACs the machine's own. A frame of a VLAN is for the device of that VLAN,
// which decides itself; a tag may also hold nothing but a priority.
func (d device) in() []rule {
	ours := within{etherDaddr, d.hostsSet()}
	return []rule{
		{ours, differs{etherType, vlan}, differs{etherType, serviceVLAN}, toHost{}},
		{ours, equals{etherType, vlan}, equals{vlanID, none}, toHost{}},
	}
}

// out gives what goes out its MAC. The type is read from the frame, where a VLAN tag would stand
// in its place, so that frames of VLANs above the device are left alone.
func (d device) out() []rule {
	arp := []field{arpSenderMAC}
	if !d.shy {
		arp = append(arp, etherSaddr)
	}
	rules := d.from(typeIP4, ip4Saddr, d.ip4Map(), d.ip4)
	if len(d.ip4) > 0 {
		rules = append(rules, rule{equals{etherType, typeARP}, look{arp, arpSenderIP, d.ip4Map()}, accept{}})
	}
	if len(d.ip6) > 0 {
		rules = append(rules,
			discovery(advertisement, targetLink, ndTarget, d.ip6Map()),
			discovery(solicitation, sourceLink, ip6Saddr, d.ip6Map()),
		)
	}
	return append(rules, d.from(typeIP6, ip6Saddr, d.ip6Map(), d.ip6)...)
}

// from gives IP packets the MAC of their source, or that of the only host if they are forwarded.
func (d device) from(kind value, source field, in string, of []bound) []rule {
	var rules []rule
	if len(of) > 0 && !d.shy {
		rules = append(rules, rule{equals{etherType, kind}, look{[]field{etherSaddr}, source, in}, accept{}})
	}
	if m, ok := d.forwards(); ok {
		rules = append(rules, rule{equals{etherType, kind}, passing{}, write{etherSaddr, m}, accept{}})
	}
	return rules
}

// discovery rewrites the link-layer address in a message of neighbour discovery that speaks for an
// address in key. The option is looked for where RFC 4861 has it alone, and where every sender puts
// it: behind the target. Messages without it are those to a host that knows the MAC already.
func discovery(kind, option value, key field, in string) rule {
	return rule{
		equals{etherType, typeIP6}, equals{l4Proto, icmp6}, equals{icmp6Type, kind}, equals{ndOption, option},
		look{[]field{ndLink}, key, in},
	}
}
