package replication_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// way is one direction of a flow.
type way struct {
	src, dst         [4]byte
	srcPort, dstPort uint16
}

// flow is what a peer has to have of a flow, translation and all.
type flow struct {
	orig, reply way
	proto       uint8
}

// perServer is how many flows one server has: as many as there are ports of translation for it.
const perServer = 60_000

// Where made flows come from, and where probes among them do.
var (
	loadSource  = [4]byte{10, 40, 0, 0}
	probeSource = [4]byte{10, 41, 0, 0}
)

// shuffled is a permutation of the first million numbers: flows that follow one another have no more in common than
// any others, as on a busy gateway. What is told of them in differences would else be told too easily.
func shuffled(i int) int {
	const bits = 20
	x := uint32(i)
	for _, odd := range []uint32{0x9e375, 0x5bd1f, 0xc2b2b} {
		x = x * odd & (1<<bits - 1)
		x ^= x >> (bits / 2)
	}
	return int(x)
}

// madeFlow is the TCP flow number i from a network, translated to the virtual address and another port.
func madeFlow(source [4]byte, i int) flow {
	const clients = 250
	at := shuffled(i)
	server, in := at/perServer, at%perServer
	from := source
	from[3] = byte(1 + at*7919%clients)
	to := [4]byte{10, source[1] + 10, byte(server), 10}
	own := uint16(1024 + in)
	return flow{
		proto: unix.IPPROTO_TCP,
		orig:  way{src: from, dst: to, srcPort: own, dstPort: 443},
		reply: way{src: to, dst: virtualWAN, srcPort: 443, dstPort: uint16(1024 + (in*7919+17)%perServer)},
	}
}

var virtualWAN = netip.MustParseAddr(wanVIP).As4()

// create appends the message that makes an established TCP flow, translated by source. The reply is asked for as
// the plain inverse of the original: the kernel makes of it what the translation says.
func (f flow) create(b message) message {
	const (
		answered    = 0x0e // IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED
		established = 3
		days        = 5 * 24 * 60 * 60
		options     = 0x03 // window scaling, selective acknowledgment
	)
	b, at := begin(b, conntrackNew, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	b = b.nest(attrOrig, f.orig.encode(f.proto))
	b = b.nest(attrReply, f.orig.inverse().encode(f.proto))
	b = b.long(attrStatus, answered)
	b = b.long(attrTimeout, days)
	b = b.nest(attrProtoInfo, func(b message) message {
		return b.nest(1, func(b message) message {
			return b.attr(1, established).attr(2, 7).attr(3, 7).attr(4, options, options).attr(5, options, options)
		})
	})
	b = b.nest(attrNATSrc, func(b message) message {
		b = b.attr(1, f.reply.dst[:]...).attr(2, f.reply.dst[:]...)
		return b.nest(3, func(b message) message { return b.short(1, f.reply.dstPort).short(2, f.reply.dstPort) })
	})
	return b.end(at)
}

func (w way) inverse() way { return way{w.dst, w.src, w.dstPort, w.srcPort} }

// encode is the tuple's attributes.
func (w way) encode(proto uint8) func(message) message {
	return func(b message) message {
		b = b.nest(1, func(b message) message { return b.attr(1, w.src[:]...).attr(2, w.dst[:]...) })
		return b.nest(2, func(b message) message { return b.attr(1, proto).short(2, w.srcPort).short(3, w.dstPort) })
	}
}

// parseFlow reads an IPv4 flow out of the body of a message, and whether it was answered.
func parseFlow(body []byte) (f flow, answered bool) {
	const seenReply = 1 << 1 // IPS_SEEN_REPLY
	if len(body) < familyHeader || body[0] != unix.AF_INET {
		return f, false
	}
	eachAttr(body[familyHeader:], func(kind uint16, value []byte) {
		switch kind {
		case attrOrig:
			f.orig.parse(value, &f.proto)
		case attrReply:
			f.reply.parse(value, &f.proto)
		case attrStatus:
			answered = len(value) == 4 && binary.BigEndian.Uint32(value)&seenReply != 0
		}
	})
	return f, answered
}

func (w *way) parse(b []byte, proto *uint8) {
	eachAttr(b, func(kind uint16, part []byte) {
		eachAttr(part, func(field uint16, value []byte) {
			switch {
			case kind == 1 && field == 1 && len(value) == 4:
				w.src = [4]byte(value)
			case kind == 1 && field == 2 && len(value) == 4:
				w.dst = [4]byte(value)
			case kind == 2 && field == 1 && len(value) == 1:
				*proto = value[0]
			case kind == 2 && field == 2 && len(value) == 2:
				w.srcPort = binary.BigEndian.Uint16(value)
			case kind == 2 && field == 3 && len(value) == 2:
				w.dstPort = binary.BigEndian.Uint16(value)
			}
		})
	})
}

// TestMadeFlows holds a million flows to what a kernel wants of them: none has a tuple of another.
func TestMadeFlows(t *testing.T) {
	seen := make(map[way]bool, 2_000_000)
	for i := range 1_000_000 {
		f := madeFlow(loadSource, i)
		if seen[f.orig] || seen[f.reply] {
			t.Fatalf("flow %d has a tuple of an earlier one: %+v", i, f)
		}
		if f.orig.srcPort == f.reply.dstPort {
			t.Errorf("flow %d keeps its port: %+v", i, f)
		}
		seen[f.orig], seen[f.reply] = true, true
	}
}
