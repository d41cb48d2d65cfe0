package links

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrRuleTaken is why a rule cannot be added: the kernel takes one of ours, which
// has its priority and table and selects more, for the same.
var ErrRuleTaken = errors.New("a rule with this priority and table selects more")

// Rules lists the rules of policy routing that carry Protocol.
func (n *Netlink) Rules() ([]Rule, error) {
	var rules []Rule
	for _, family := range families {
		found, err := dump(func() ([][]byte, error) {
			req := n.request(unix.RTM_GETRULE, unix.NLM_F_DUMP)
			req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}})
			return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE)
		})
		// A kernel without IPv6, or without tables, has none.
		if err := unless(err, unix.EAFNOSUPPORT, unix.EOPNOTSUPP); err != nil {
			return nil, err
		}
		for _, m := range found {
			if r, protocol, err := parseRule(m); err != nil {
				return nil, err
			} else if protocol == Protocol {
				rules = append(rules, r)
			}
		}
	}
	return rules, nil
}

func (n *Netlink) addRule(r Rule) error {
	req := n.request(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.Data = ruleMessage(r)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.EEXIST) {
		return ErrRuleTaken
	}
	return err
}

func (n *Netlink) deleteRule(r Rule) error {
	req := n.request(unix.RTM_DELRULE, unix.NLM_F_ACK)
	req.Data = ruleMessage(r)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return unless(err, unix.ENOENT)
}

// request is one of our own making: the library leaves out suppress_prefixlength
// for tables above 255, and lists rules in a way that strict checks refuse.
func (n *Netlink) request(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = n.sockets
	return req
}
