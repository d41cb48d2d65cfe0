package nft

import (
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// deal goes on as the verdict map says of the packet's slot.
func (r *ruleEncoder) deal(d Deal) {
	if d.Set == "" {
		r.fail(fmt.Errorf("%s: no map", d))
	}
	r.slot(d)
	r.lookup(lookup{set: d.Set, isMap: true, value: unix.NFT_REG_VERDICT})
}

// slot puts the packet's slot into the first register. The kernel holds it in the
// byte order of the machine, so where the map has ranges it is turned round.
func (r *ruleEncoder) slot(d Deal) {
	if d.Slots == 0 || d.By == DealSource && d.Field != IPSaddr && d.Field != IP6Saddr {
		r.fail(fmt.Errorf("%s: no slots or no source", d))
		return
	}
	r.require(d.fields())
	switch d.By {
	case DealSource:
		r.load(d.Field, reg2)
		r.put(&expr.Hash{
			SourceRegister: reg2, DestRegister: reg1, Length: uint32(d.Field.info().typ.datatype().size),
			Modulus: d.Slots, Seed: d.Seed, Type: expr.HashTypeJenkins,
		})
	case DealRoundRobin:
		r.put(&expr.Numgen{Register: reg1, Modulus: d.Slots, Type: unix.NFT_NG_INCREMENTAL})
	case DealRandom:
		r.put(&expr.Numgen{Register: reg1, Modulus: d.Slots, Type: unix.NFT_NG_RANDOM})
	default:
		r.fail(fmt.Errorf("%s: no way to get a slot", d))
	}
	if r.intervals[d.Set] {
		r.swap(TypeSlot, reg1)
	}
}

// spread puts the target of the packet's slot into the first register.
func (r *ruleEncoder) spread(n NAT) {
	d, _ := n.dealt()
	r.slot(d)
	search := lookup{set: d.Set, isMap: true, value: reg1}
	if n.Deal != nil && d.Set == "" {
		r.fail(fmt.Errorf("%s: no map", d))
	}
	if n.Deal == nil {
		search.set, search.id = anonymousMap, r.anonymous()
	}
	r.lookup(search)
}
