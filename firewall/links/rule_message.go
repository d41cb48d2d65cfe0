package links

import (
	"fmt"
	"net/netip"

	attribute "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ruleMessage is the rule as rtnetlink takes it, behind a struct fib_rule_hdr,
// which is laid out as a struct rtmsg.
func ruleMessage(r Rule) []nl.NetlinkRequestData {
	header := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Type: unix.RTN_UNICAST}}
	if r.Is6 {
		header.Family = unix.AF_INET6
	}
	number := func(attr int, value uint32) *nl.RtAttr { return nl.NewRtAttr(attr, nl.Uint32Attr(value)) }
	data := []nl.NetlinkRequestData{
		header,
		number(nl.FRA_PRIORITY, uint32(r.Priority)),
		number(nl.FRA_TABLE, uint32(r.Table)),
		nl.NewRtAttr(nl.FRA_PROTOCOL, nl.Uint8Attr(Protocol)),
	}
	if r.Mask != 0 {
		data = append(data, number(nl.FRA_FWMARK, r.Mark), number(nl.FRA_FWMASK, r.Mask))
	}
	if r.From.IsValid() {
		header.Src_len = uint8(r.From.Bits())
		data = append(data, nl.NewRtAttr(nl.FRA_SRC, r.From.Addr().AsSlice()))
	}
	if r.NoDefault {
		data = append(data, number(nl.FRA_SUPPRESS_PREFIXLEN, 0))
	}
	return data
}

// parseRule reads what rtnetlink lists, and who made it.
func parseRule(m []byte) (r Rule, protocol uint8, err error) {
	if len(m) < unix.SizeofRtMsg {
		return Rule{}, 0, fmt.Errorf("parse rule: %d bytes", len(m))
	}
	header := nl.DeserializeRtMsg(m)
	attrs, err := attribute.NewAttributeDecoder(m[unix.SizeofRtMsg:])
	if err != nil {
		return Rule{}, 0, fmt.Errorf("parse rule: %w", err)
	}
	r = Rule{Is6: header.Family == unix.AF_INET6, Table: int(header.Table)}
	for attrs.Next() {
		switch attrs.Type() {
		case nl.FRA_PRIORITY:
			r.Priority = int(attrs.Uint32())
		case nl.FRA_TABLE:
			r.Table = int(attrs.Uint32())
		case nl.FRA_FWMARK:
			r.Mark = attrs.Uint32()
		case nl.FRA_FWMASK:
			r.Mask = attrs.Uint32()
		case nl.FRA_SRC:
			from, _ := netip.AddrFromSlice(attrs.Bytes())
			r.From = netip.PrefixFrom(from, int(header.Src_len))
		case nl.FRA_SUPPRESS_PREFIXLEN:
			r.NoDefault = attrs.Uint32() == 0 // all ones: none
		case nl.FRA_PROTOCOL:
			protocol = attrs.Uint8()
		}
	}
	if err := attrs.Err(); err != nil {
		return Rule{}, 0, fmt.Errorf("parse rule: %w", err)
	}
	return r, protocol, nil
}
