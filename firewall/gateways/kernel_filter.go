package gateways

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter lets echo replies with the identifier of a request through and nothing
// else, so that the pings of others, or a flood of them, wake nobody.
func (k *socket) filter(request []byte) error {
	if len(request) < echoLen {
		return errShort
	}
	id := uint32(binary.BigEndian.Uint16(request[4:]))
	program, err := bpf.Assemble(onlyEcho(id, k.is6))
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	var code []unix.SockFilter
	for _, i := range program {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	all := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(k.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &all); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}

// onlyEcho is the program. It sees an IPv4 packet from its IP header on, and
// ICMPv6 without one.
func onlyEcho(id uint32, is6 bool) []bpf.Instruction {
	begin, kind := bpf.Instruction(bpf.LoadMemShift{Off: 0}), uint32(echoReply4)
	if is6 {
		begin, kind = bpf.LoadConstant{Dst: bpf.RegX, Val: 0}, echoReply6
	}
	return []bpf.Instruction{
		begin, // X is where the ICMP message begins
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: kind, SkipTrue: 3},
		bpf.LoadIndirect{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: id, SkipTrue: 1},
		bpf.RetConstant{Val: maxPacket},
		bpf.RetConstant{Val: 0},
	}
}
