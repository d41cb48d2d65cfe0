package nft

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tries is how often a picture is taken again because the ruleset changed under it.
const tries = 20

var errInterrupted = errors.New("the ruleset changed while it was read")

// consistent takes pictures until one lies between two equal generations.
func (n *Netlink) consistent(ctx context.Context, read func(*netlink.Conn) error) (uint32, error) {
	c, err := n.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for range tries {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		before, err := generation(c)
		if err != nil {
			return 0, err
		}
		err = read(c)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			return 0, err
		}
		after, err := generation(c)
		if err != nil {
			return 0, err
		}
		if before == after {
			return after, nil
		}
	}
	return 0, errInterrupted
}

// Generation asks for the number of the last transaction.
func (n *Netlink) Generation(context.Context) (uint32, error) {
	c, err := n.dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return generation(c)
}

func generation(c *netlink.Conn) (uint32, error) {
	var number uint32
	err := request(c, unix.NFT_MSG_GETGEN, 0, familyAny, nil, func(data []byte) (err error) {
		number, err = decodeGeneration(data)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read generation: %w", err)
	}
	return number, nil
}

// request sends one question and passes on every answer.
func request(c *netlink.Conn, kind uint16, flags netlink.HeaderFlags, family byte, attrs func(*wire), answer func([]byte) error) error {
	w := wire{buf: []byte{family, 0, 0, 0}}
	if attrs != nil {
		attrs(&w)
	}
	_, err := c.Send(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(subsystem | kind), Flags: netlink.Request | flags},
		Data:   w.buf,
	})
	if err != nil {
		return permission(err)
	}
	var failed error
	for m, err := range c.ReceiveIter() {
		switch {
		case err != nil:
			return permission(err)
		case failed != nil: // the rest must be read all the same
		case m.Header.Flags&netlink.DumpInterrupted != 0:
			failed = errInterrupted
		default:
			failed = answer(m.Data)
		}
	}
	return failed
}

// dump asks for all things of one kind in the table.
func (n *Netlink) dump(c *netlink.Conn, kind uint16, attrs func(*wire), answer func([]byte) error) error {
	err := request(c, kind, netlink.Dump, familyInet, func(w *wire) {
		w.text(unix.NFTA_TABLE_NAME, n.table)
		if attrs != nil {
			attrs(w)
		}
	}, answer)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the table has gone; the generation tells
	}
	return err
}

// State reads chains, sets with their elements, helpers and the names of counters.
func (n *Netlink) State(ctx context.Context) (State, error) {
	var s State
	number, err := n.consistent(ctx, func(c *netlink.Conn) (err error) {
		s, err = n.state(c)
		return err
	})
	if err != nil {
		return State{}, fmt.Errorf("read table inet %s: %w", n.table, err)
	}
	s.Generation = number
	return s, nil
}

func (n *Netlink) state(c *netlink.Conn) (State, error) {
	var s State
	exists, err := n.exists(c)
	if err != nil || !exists {
		return State{}, err
	}
	s.Exists = true
	if s.Chains, err = n.chains(c); err != nil {
		return State{}, err
	}
	if s.Sets, err = n.sets(c); err != nil {
		return State{}, err
	}
	for i := range s.Sets {
		if s.Sets[i].Elements, err = n.elements(c, s.Sets[i]); err != nil {
			return State{}, fmt.Errorf("set %q: %w", s.Sets[i].Name, err)
		}
	}
	if s.Helpers, err = n.helpers(c); err != nil {
		return State{}, err
	}
	err = n.counters(c, func(name string, _ Counter) { s.Counters = append(s.Counters, name) })
	return s, err
}

func (n *Netlink) exists(c *netlink.Conn) (bool, error) {
	name := func(w *wire) { w.text(unix.NFTA_TABLE_NAME, n.table) }
	err := request(c, unix.NFT_MSG_GETTABLE, 0, familyInet, name, func([]byte) error { return nil })
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (n *Netlink) chains(c *netlink.Conn) ([]ChainHead, error) {
	var chains []ChainHead
	err := n.dump(c, unix.NFT_MSG_GETCHAIN, nil, func(data []byte) error {
		m, err := decodeChain(data)
		if err == nil && m.table == n.table {
			chains = append(chains, m.chain)
		}
		return err
	})
	return chains, err
}

func (n *Netlink) sets(c *netlink.Conn) ([]Set, error) {
	var sets []Set
	err := n.dump(c, unix.NFT_MSG_GETSET, nil, func(data []byte) error {
		s, anonymous, err := decodeSet(data)
		if err == nil && !anonymous {
			sets = append(sets, s)
		}
		return err
	})
	return sets, err
}

// elements of a set with a field of an unknown type are not read: it is not ours.
func (n *Netlink) elements(c *netlink.Conn, s Set) ([]Element, error) {
	for _, t := range s.Key {
		if t == 0 {
			return nil, nil
		}
	}
	var raw []rawElement
	name := func(w *wire) { w.text(unix.NFTA_SET_ELEM_LIST_SET, s.Name) }
	err := n.dump(c, unix.NFT_MSG_GETSETELEM, name, func(data []byte) (err error) {
		raw, err = decodeElements(raw, data)
		return err
	})
	if err != nil {
		return nil, err
	}
	return assemble(s, raw)
}

func (n *Netlink) counters(c *netlink.Conn, add func(string, Counter)) error {
	return n.objects(c, unix.NFT_OBJECT_COUNTER, func(data []byte) error {
		name, figures, err := decodeCounter(data)
		if err == nil {
			add(name, figures)
		}
		return err
	})
}

func (n *Netlink) helpers(c *netlink.Conn) ([]Helper, error) {
	var helpers []Helper
	err := n.objects(c, unix.NFT_OBJECT_CT_HELPER, func(data []byte) error {
		h, err := decodeHelper(data)
		helpers = append(helpers, h)
		return err
	})
	return helpers, err
}

// objects asks for the named objects of one kind.
func (n *Netlink) objects(c *netlink.Conn, object uint32, answer func([]byte) error) error {
	kind := func(w *wire) { w.uint32(unix.NFTA_OBJ_TYPE, object) }
	return n.dump(c, unix.NFT_MSG_GETOBJ, kind, answer)
}

// Counters reads the named counters of the table.
func (n *Netlink) Counters(ctx context.Context) (map[string]Counter, error) {
	var counters map[string]Counter
	_, err := n.consistent(ctx, func(c *netlink.Conn) error {
		counters = make(map[string]Counter)
		return n.counters(c, func(name string, figures Counter) { counters[name] = figures })
	})
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return counters, nil
}

// Elements reads one set.
func (n *Netlink) Elements(ctx context.Context, set string) ([]Element, error) {
	var elements []Element
	_, err := n.consistent(ctx, func(c *netlink.Conn) error {
		sets, err := n.sets(c)
		if err != nil {
			return err
		}
		s, ok := State{Sets: sets}.set(set)
		if !ok {
			return os.ErrNotExist
		}
		elements, err = n.elements(c, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read set %q: %w", set, err)
	}
	return elements, nil
}

// ForeignChain is a base chain of a table that is not ours.
type ForeignChain struct {
	Family string // ip, ip6, inet, arp, bridge or netdev
	Table  string
	Chain  string
	Hook   Hook
}

// String names the chain and where it hangs.
func (f ForeignChain) String() string {
	return f.Family + " " + f.Table + " " + f.Chain + ": " + f.Hook.String()
}

// Foreign lists the base chains of all other tables of the network namespace.
func (n *Netlink) Foreign(ctx context.Context) ([]ForeignChain, error) {
	var list []ForeignChain
	_, err := n.consistent(ctx, func(c *netlink.Conn) error {
		list = nil
		return request(c, unix.NFT_MSG_GETCHAIN, netlink.Dump, familyAny, nil, func(data []byte) error {
			m, err := decodeChain(data)
			if err != nil || m.chain.Hook == nil || data[0] == familyInet && m.table == n.table {
				return err
			}
			list = append(list, ForeignChain{familyName(data[0]), m.table, m.chain.Name, *m.chain.Hook})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list base chains: %w", err)
	}
	return list, nil
}

func familyName(family byte) string {
	switch family {
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_IPV6:
		return "ip6"
	case unix.NFPROTO_ARP:
		return "arp"
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	}
	return "unknown"
}
