package flowwire

import "github.com/rempart/rempart/ha/conntrack"

// life is what may change in the life of a flow.
type life struct {
	state   conntrack.State
	status  uint32 // as normal says
	mark    uint32
	options uint32 // flags and scales, a byte each
}

// usual is the life of most flows: answered, assured, confirmed, seen by NAT; of TCP with window scales,
// selective acknowledgments and an acknowledgment seen.
const (
	usualStatus  = uint32(conntrack.SeenReply | conntrack.Assured | conntrack.Confirmed | conntrack.SrcNATDone | conntrack.DstNATDone)
	usualOptions = 0x23230707
)

func lifeOf(f *conntrack.Flow, moved byte) life {
	return life{
		state:  f.State,
		status: normal(f.Status, moved),
		mark:   f.Mark,
		options: uint32(f.Flags[0])<<24 | uint32(f.Flags[1])<<16 |
			uint32(f.Scale[0])<<8 | uint32(f.Scale[1]),
	}
}

func setLife(f *conntrack.Flow, l *life, moved byte) {
	f.State = l.state
	f.Status = conntrack.Status(normal(conntrack.Status(l.status), moved))
	f.Mark = l.mark
	f.Flags = flagsOf(l.options)
	f.Scale = scalesOf(l.options)
}

func flagsOf(options uint32) [2]conntrack.TCPFlags {
	return [2]conntrack.TCPFlags{conntrack.TCPFlags(options >> 24), conntrack.TCPFlags(options >> 16)}
}

func scalesOf(options uint32) [2]uint8 { return [2]uint8{uint8(options >> 8), uint8(options)} }
