package nft

import (
	"context"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Event is a transaction of somebody else that changed our table.
type Event struct {
	Generation uint32
	Process    string // name of the process, such as nft
	PID        int
	// Lost says that messages were dropped, because too many came at once: there may
	// have been a change, and nothing else is known of it.
	Lost bool
}

// Watch tells of changes of our table that were not committed through n, until ctx
// ends, and then returns nil. Changes before it listens are not told.
func (n *Netlink) Watch(ctx context.Context, changed func(Event)) error {
	foreign := false // something in the transaction under way
	heard := func(_ *netlink.Conn, m netlink.Message) error {
		if uint16(m.Header.Type) != subsystem|unix.NFT_MSG_NEWGEN {
			foreign = foreign || n.isForeign(m)
			return nil
		}
		if foreign {
			changed(decodeEvent(m.Data))
		}
		foreign = false
		return nil
	}
	lost := func() { changed(Event{Lost: true}) }
	return n.listen(ctx, listener{group: unix.NFNLGRP_NFTABLES, about: "nftables", ready: func() {}, lost: lost, heard: heard})
}

// isForeign says that a message is of our table and not of a commit of ours.
func (n *Netlink) isForeign(m netlink.Message) bool {
	if len(m.Data) == 0 || m.Data[0] != familyInet || n.ports.has(m.Header.PID) {
		return false
	}
	table := ""
	err := decodeMessage(m.Data, func(a *attributes) {
		if a.kind == unix.NFTA_TABLE_NAME { // the first attribute of all kinds
			table = a.text()
		}
	})
	return err == nil && table == n.table
}

// decodeEvent reads NFT_MSG_NEWGEN as it comes at the end of a transaction. What cannot
// be read stays zero: that there was a change is known all the same.
func decodeEvent(data []byte) Event {
	var e Event
	_ = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_GEN_ID:
			e.Generation = a.uint32()
		case unix.NFTA_GEN_PROC_PID:
			e.PID = int(a.uint32())
		case unix.NFTA_GEN_PROC_NAME:
			e.Process = a.text()
		}
	})
	return e
}
