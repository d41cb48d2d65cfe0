package links

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Rules lists the rules of policy routing that carry Protocol.
func (n *Netlink) Rules() ([]Rule, error) {
	var rules []Rule
	for _, family := range families {
		found, err := dump(func() ([][]byte, error) {
			req := n.request(unix.RTM_GETRULE, unix.NLM_F_DUMP)
			req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}})
			return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWRULE)
		})
		if err != nil {
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

// addRule takes one that is there as added.
func (n *Netlink) addRule(r Rule) error {
	req := n.request(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.Data = ruleMessage(r)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return unless(err, unix.EEXIST)
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
