package conntrack

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// local is an address of this machine.
type local struct {
	family  uint8
	address [16]byte
}

// parseLocal is the address that rtnetlink(7) tells of. Of a line between two machines it is the near end.
func parseLocal(msg []byte) (l local, ok bool) {
	const at = unix.SizeofNlMsghdr + unix.SizeofIfAddrmsg
	if len(msg) < at || binary.NativeEndian.Uint16(msg[4:]) != unix.RTM_NEWADDR {
		return local{}, false
	}
	l.family = msg[unix.SizeofNlMsghdr]
	if l.family != IPv4 && l.family != IPv6 {
		return local{}, false
	}
	for rest := msg[at:]; len(rest) >= unix.SizeofRtAttr; {
		size, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if size < unix.SizeofRtAttr || size > len(rest) {
			return local{}, false
		}
		value := rest[unix.SizeofRtAttr:size]
		if kind == unix.IFA_LOCAL || kind == unix.IFA_ADDRESS && !ok {
			if len(value) != addressBytes(l.family) {
				return local{}, false
			}
			ok = true
			copy(l.address[:], value)
		}
		rest = rest[min(len(rest), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
	return l, ok
}

func addressBytes(family uint8) int {
	if family == IPv4 {
		return 4
	}
	return 16
}

// appendLocals appends the request for all addresses.
func appendLocals(b []byte, seq uint32) []byte {
	b = binary.NativeEndian.AppendUint32(b, unix.SizeofNlMsghdr+unix.SizeofIfAddrmsg)
	b = binary.NativeEndian.AppendUint16(b, unix.RTM_GETADDR)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = binary.NativeEndian.AppendUint32(b, seq)
	return append(b, make([]byte, 4+unix.SizeofIfAddrmsg)...)
}
