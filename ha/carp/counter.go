package carp

// stride is the step of a Counter. ucarp and FreeBSD go on from the last counter that they
// heard in steps of one: with the same step they would say what this node says, and
// Echo would take their advertisements for its own.
const stride = 16

// Counter supplies the counters of all advertisements of a node. They rise, also where
// a peer of another make has higher ones: those do not look at it.
type Counter struct {
	first, last uint64
}

// NewCounter makes a Counter whose upper 32 bits are the epoch, which no other run
// of a node must have: of 32 random bits it is as good as true. In the epoch are 2^28
// advertisements; then follows the next epoch.
func NewCounter(epoch uint32) *Counter {
	first := uint64(epoch) << 32
	return &Counter{first: first, last: first}
}

// Epoch is that of the last counter, for a Guard of the peer.
func (c *Counter) Epoch() uint32 { return uint32(c.last >> 32) }

// Next is the counter of the next advertisement.
func (c *Counter) Next() uint64 {
	c.last += stride
	return c.last
}

// Echo says that an advertisement has a counter that this node has sent, however long
// ago: it came back, or somebody sends it again, maybe with another priority. One in
// sixteen of a peer that counts on from ours may be taken for an echo while neither
// hears the other, which is too few to matter.
func (c *Counter) Echo(a Ad) bool {
	return a.Counter > c.first && a.Counter <= c.last && a.Counter%stride == 0
}
