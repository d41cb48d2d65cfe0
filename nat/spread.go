package nat

import (
	"net/netip"

	"github.com/rempart/rempart/firewall/nft"
)

// Chosen is the target of a that packets of a source go to.
func (a Arrival) Chosen(src netip.Addr) netip.Addr {
	if len(a.To) == 1 {
		return a.To[0]
	}
	return a.To[nft.Spread(src, spreadSeed, len(a.To))]
}
