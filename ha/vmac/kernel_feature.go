package vmac

import (
	"errors"

	"github.com/google/nftables"
)

// trialName is the table of trials. It is made and deleted in one transaction, so it never stands.
const trialName = tableName + "_trial"

// Supported is nil when the kernel can give a device virtual MACs, and else says in words what it
// lacks. It asks in the network namespace of the calling thread and leaves nothing there.
func Supported() error {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return arrivals.verdict(err)
	}
	for f := arrivals; f <= features; f++ {
		if err := f.verdict(try(c, f.trial("lo"))); err != nil {
			return errors.Join(err, c.CloseLasting())
		}
	}
	return c.CloseLasting()
}

// try has the kernel take a table and delete it.
func try(c *nftables.Conn, r ruleset) error {
	table := &nftables.Table{Name: trialName, Family: nftables.TableFamilyNetdev}
	if err := r.add(c, table); err != nil {
		return err
	}
	c.DelTable(table)
	return c.Flush()
}
