package nft

import "golang.org/x/sys/unix"

// addOwned makes a table that belongs to the socket which sends it and goes with it.
type addOwned struct{ table string }

func (addOwned) op() {}

func (o addOwned) String() string { return "create table inet " + o.table + " { flags owner; }" }

// tableOwner is NFT_TABLE_F_OWNER, which x/sys/unix lacks.
const tableOwner = 2

func (e *encoder) addOwned(op addOwned) {
	e.message(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, op.table)
	e.uint32(unix.NFTA_TABLE_FLAGS, tableOwner)
	e.end()
}
