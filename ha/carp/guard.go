package carp

// Guard holds a peer to its epoch: once it proved itself by other means and told which one it
// is in, advertisements must be of it and their counters must rise, for each vhid in each family
// on each link. The zero value knows no peer and accepts everything.
type Guard struct {
	proven bool
	epoch  uint32
	last   map[voice]uint64
}

// voice is one of the series of advertisements that a node sends.
type voice struct {
	link string
	vhid uint8
	v6   bool
}

// Epoch sets the epoch that the peer said to be in. Advertisements of an earlier one are
// refused from now on.
func (g *Guard) Epoch(e uint32) {
	if g.proven && g.epoch == e {
		return
	}
	*g = Guard{proven: true, epoch: e, last: map[voice]uint64{}}
}

// Accept takes in an advertisement whose HMAC is right; the error is Replayed.
func (g *Guard) Accept(h Heard) error {
	if !g.proven {
		return nil
	}
	v := voice{link: h.Link, vhid: h.Ad.VHID, v6: h.v6()}
	if last, heard := g.last[v]; uint32(h.Ad.Counter>>32) != g.epoch || heard && h.Ad.Counter <= last {
		return Replayed
	}
	g.last[v] = h.Ad.Counter
	return nil
}
