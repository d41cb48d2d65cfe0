package vmac

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Table is the table netdev rempart_vmac and the MACs that devices hear beside their own, in the
// network namespace that it was opened in. Its methods must not be called at the same time.
type Table struct {
	nft  *nftables.Conn
	link *netlink.Handle
	// held are the MACs that devices may hear, at the least.
	held map[string][]mac
}

// Open takes away what a process that died has left behind. It sets nothing.
func Open() (*Table, error) {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("open virtual MACs: %w", err)
	}
	link, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open virtual MACs: %w", errors.Join(err, c.CloseLasting()))
	}
	t := &Table{nft: c, link: link}
	if t.held, err = t.left(); err == nil {
		err = t.Release()
	}
	if err != nil {
		return nil, fmt.Errorf("open virtual MACs: %w", errors.Join(err, t.Close()))
	}
	return t, nil
}

// Close lets go of the kernel and leaves in it what is set.
func (t *Table) Close() error {
	t.link.Close()
	return t.nft.CloseLasting()
}

// Release takes everything away.
func (t *Table) Release() error { return t.Set(nil) }

// Set makes the machine speak for what is wanted and for nothing else, all at once. To set the same
// again restores what was lost, such as with a device that went and came back. When a device is
// missing or can have no virtual MAC the rest is done all the same, and the error names it.
func (t *Table) Set(wanted []Wanted) error {
	devs, err := devices(wanted)
	if err != nil {
		return fmt.Errorf("set virtual MACs: %w", err)
	}
	if err := t.set(devs); err != nil {
		return fmt.Errorf("set virtual MACs: %w", err)
	}
	return nil
}

// set has the table stand whenever a device hears a MAC, since it is by the table that the next
// process finds what this one has left behind.
func (t *Table) set(devs []device) error {
	present, index, missing := t.find(devs)
	mute := t.mute(present, index)
	if err := t.replace(compile(present)); err != nil {
		return errors.Join(missing, mute, err)
	}
	t.held = make(map[string][]mac)
	errs := []error{missing, mute}
	for _, d := range present {
		t.held[d.name] = d.macs
		for _, m := range d.macs {
			if err := t.link.NeighSet(filter(index[d.name], m)); err != nil {
				errs = append(errs, fmt.Errorf("have %s hear %s: %w", d.name, m, err))
			}
		}
	}
	return errors.Join(errs...)
}

// find tells the devices that are there from those that are not.
func (t *Table) find(devs []device) (present []device, index map[string]int, missing error) {
	index = make(map[string]int)
	var errs []error
	for _, d := range devs {
		l, err := t.link.LinkByName(d.name)
		if err != nil {
			errs = append(errs, fmt.Errorf("find device %s: %w", d.name, err))
			continue
		}
		index[d.name] = l.Attrs().Index
		present = append(present, d)
	}
	return present, index, errors.Join(errs...)
}

// mute has devices no longer hear the MACs that are not wanted.
func (t *Table) mute(wanted []device, index map[string]int) error {
	var errs []error
	for name, macs := range t.held {
		var keep []mac
		if i := slices.IndexFunc(wanted, func(d device) bool { return d.name == name }); i >= 0 {
			keep = wanted[i].macs
		}
		for _, m := range macs {
			if slices.Contains(keep, m) {
				continue
			}
			if err := t.unhear(name, index[name], m); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// unhear takes a MAC from a device, whose index is zero when it is not known.
func (t *Table) unhear(name string, index int, m mac) error {
	if index == 0 {
		l, err := t.link.LinkByName(name)
		var gone netlink.LinkNotFoundError
		if errors.As(err, &gone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find device %s: %w", name, err)
		}
		index = l.Attrs().Index
	}
	err := t.link.NeighDel(filter(index, m))
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("have %s no longer hear %s: %w", name, m, err)
	}
	return nil
}

// filter is the entry by which a device hears a MAC beside its own: `bridge fdb add MAC dev DEVICE
// self permanent`. What has no filter for single addresses, such as a veth, hears all meanwhile.
func filter(index int, m mac) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex: index, Family: unix.AF_BRIDGE, State: netlink.NUD_PERMANENT, Flags: netlink.NTF_SELF,
		HardwareAddr: m[:],
	}
}

// replace puts the table in, all or nothing.
func (t *Table) replace(r ruleset) error {
	table := &nftables.Table{Name: tableName, Family: nftables.TableFamilyNetdev}
	t.nft.AddTable(table) // for the next to succeed
	t.nft.DelTable(table)
	var err error
	if len(r.chains) > 0 {
		err = r.add(t.nft, table)
	}
	if err == nil {
		err = t.nft.Flush()
	}
	if err != nil {
		// Answers to what failed may still be on their way; another socket does not hear them.
		return fmt.Errorf("replace table %s: %w", tableName, errors.Join(err, t.nft.CloseLasting()))
	}
	return nil
}

// left reads the MACs that the table in the kernel lists, by device.
func (t *Table) left() (map[string][]mac, error) {
	held := make(map[string][]mac)
	tables, err := t.nft.ListTablesOfFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	i := slices.IndexFunc(tables, func(table *nftables.Table) bool { return table.Name == tableName })
	if i < 0 {
		return held, nil
	}
	table := tables[i]
	sets, err := t.nft.GetSets(table)
	if err != nil {
		return nil, fmt.Errorf("list sets of %s: %w", tableName, err)
	}
	for _, s := range sets {
		dev, ok := strings.CutPrefix(s.Name, hostsPrefix)
		if !ok {
			continue
		}
		s.Table = table
		elements, err := t.nft.GetSetElements(s)
		if err != nil {
			return nil, fmt.Errorf("list set %s: %w", s.Name, err)
		}
		for _, e := range elements {
			if len(e.Key) == len(mac{}) {
				held[dev] = append(held[dev], mac(e.Key))
			}
		}
	}
	return held, nil
}
