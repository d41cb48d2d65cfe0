package links

import (
	"fmt"
	"net/netip"

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
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
	if err != nil {
		return Rule{}, 0, fmt.Errorf("parse rule: %w", err)
	}
	r = Rule{Is6: header.Family == unix.AF_INET6, Table: int(header.Table)}
	for _, a := range attrs {
		number := func() uint32 {
			if len(a.Value) < 4 {
				return 0
			}
			return nl.NativeEndian().Uint32(a.Value)
		}
		switch int(a.Attr.Type) {
		case nl.FRA_PRIORITY:
			r.Priority = int(number())
		case nl.FRA_TABLE:
			r.Table = int(number())
		case nl.FRA_FWMARK:
			r.Mark = number()
		case nl.FRA_FWMASK:
			r.Mask = number()
		case nl.FRA_SRC:
			if from, ok := netip.AddrFromSlice(a.Value); ok {
				r.From = netip.PrefixFrom(from, int(header.Src_len))
			}
		case nl.FRA_SUPPRESS_PREFIXLEN:
			r.NoDefault = number() == 0 // all ones: none
		case nl.FRA_PROTOCOL:
			if len(a.Value) > 0 {
				protocol = a.Value[0]
			}
		}
	}
	return r, protocol, nil
}
