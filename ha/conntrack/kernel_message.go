package conntrack

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

var errCut = errors.New("a message is cut short")

func cutMessage(b []byte) (msg, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return nil, nil, errCut
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < unix.SizeofNlMsghdr || n > len(b) {
		return nil, nil, errCut
	}
	return b[:n], b[min(len(b), (n+3)&^3):], nil
}

func appendDump(b []byte, seq uint32, kind Kind, family uint8) []byte {
	what := uint16(unix.NFNL_SUBSYS_CTNETLINK<<8 | 1)
	if kind == KindExpect {
		what = unix.NFNL_SUBSYS_CTNETLINK_EXP<<8 | 1
	}
	b = binary.NativeEndian.AppendUint32(b, unix.SizeofNlMsghdr+4)
	b = binary.NativeEndian.AppendUint16(b, what)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = binary.NativeEndian.AppendUint32(b, seq)
	return append(b, 0, 0, 0, 0, family, 0, 0, 0)
}
