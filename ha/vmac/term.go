package vmac

import (
	"strconv"
	"strings"
)

// term is a match, which lets the frame go on to the next term, or a statement. String is its
// nft text.
type term interface {
	String() string
}

// equals matches a field that is a number.
type equals struct {
	field field
	value value
}

// differs matches all but one number.
type differs struct {
	field field
	value value
}

// within matches a MAC that is in a set.
type within struct {
	field field
	set   string
}

// passing matches an IP packet whose source is a host elsewhere: one that is forwarded.
type passing struct{}

// look writes the MAC that a map has for a key, and matches only when it has one.
type look struct {
	fields []field
	key    field
	in     string
}

// write writes a MAC.
type write struct {
	field field
	mac   mac
}

// toHost makes the frame one that is for this machine, whatever MAC it was sent to.
type toHost struct{}

// accept ends the chain.
type accept struct{}

// String is the term as nft has it.
func (e equals) String() string { return e.field.String() + " " + e.value.String() }

// String is the term as nft has it.
func (d differs) String() string { return d.field.String() + " != " + d.value.String() }

// String is the term as nft has it.
func (w within) String() string { return w.field.String() + " @" + w.set }

// String is the term as nft has it.
func (passing) String() string { return "fib saddr type unicast" }

// String is the term as nft has it: one statement for each field that is written.
func (l look) String() string {
	var all []string
	for _, f := range l.fields {
		all = append(all, f.String()+" set "+l.key.String()+" map @"+l.in)
	}
	return strings.Join(all, " ")
}

// String is the term as nft has it.
func (w write) String() string { return w.field.String() + " set " + w.mac.String() }

// String is the term as nft has it.
func (toHost) String() string { return "meta pkttype set host" }

// String is the term as nft has it.
func (accept) String() string { return "accept" }

// field is a part of a frame.
type field uint8

// The fields, by nft's names. Those of neighbour discovery are at the same place in
// solicitations and advertisements, RFC 4861 4.3 and 4.4.
const (
	etherDaddr   field = iota + 1 // ether daddr
	etherSaddr                    // ether saddr
	etherType                     // ether type
	vlanID                        // vlan id, of the outer tag
	arpSenderMAC                  // arp saddr ether
	arpSenderIP                   // arp saddr ip
	ip4Saddr                      // ip saddr
	ip6Saddr                      // ip6 saddr
	l4Proto                       // meta l4proto
	icmp6Type                     // icmpv6 type
	ndTarget                      // the address that is asked or spoken for
	ndOption                      // type and length of the first option
	ndLink                        // the link-layer address in it
)

// header is what a place in a frame is counted from.
type header uint8

const (
	link header = iota
	network
	transport
)

// place is where a field stands.
type place struct {
	text   string
	header header
	offset uint32
	size   uint32
}

var places = [...]place{
	etherDaddr:   {"ether daddr", link, 0, 6},
	etherSaddr:   {"ether saddr", link, 6, 6},
	etherType:    {"ether type", link, 12, 2},
	vlanID:       {"vlan id", link, 14, 2},
	arpSenderMAC: {"arp saddr ether", network, 8, 6},
	arpSenderIP:  {"arp saddr ip", network, 14, 4},
	ip4Saddr:     {"ip saddr", network, 12, 4},
	ip6Saddr:     {"ip6 saddr", network, 8, 16},
	l4Proto:      {text: "meta l4proto"},
	icmp6Type:    {"icmpv6 type", transport, 0, 1},
	ndTarget:     {"", transport, 8, 16},
	ndOption:     {"", transport, 24, 2},
	ndLink:       {"", transport, 26, 6},
}

// String is the field as nft has it, which knows no name for some.
func (f field) String() string {
	p := places[f]
	if p.text != "" {
		return p.text
	}
	return "@th," + strconv.Itoa(int(p.offset)*8) + "," + strconv.Itoa(int(p.size)*8)
}

// value is a number in a field.
type value uint8

const (
	none value = iota + 1
	typeIP4
	typeIP6
	typeARP
	vlan
	serviceVLAN // the outer tag of two, IEEE 802.1ad
	icmp6
	solicitation
	advertisement
	sourceLink // option 1, of 8 bytes, RFC 4861 4.6.1
	targetLink // option 2
)

var values = [...]struct {
	text   string
	number uint16
}{
	none:          {"0", 0},
	typeIP4:       {"ip", 0x0800},
	typeIP6:       {"ip6", 0x86dd},
	typeARP:       {"arp", 0x0806},
	vlan:          {"8021q", 0x8100},
	serviceVLAN:   {"8021ad", 0x88a8},
	icmp6:         {"ipv6-icmp", 58},
	solicitation:  {"nd-neighbor-solicit", 135},
	advertisement: {"nd-neighbor-advert", 136},
	sourceLink:    {"0x101", 0x0101},
	targetLink:    {"0x201", 0x0201},
}

// String is the value as nft has it.
func (v value) String() string { return values[v].text }
