package wire

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// field is one in a frame, and the value that it has to have. An inner one is counted from the end
// of the IPv4 header, which has no fixed length, and is not in a fragment.
type field struct {
	at, size uint32 // in bytes
	value    uint32
	inner    bool
}

// Places in a frame.
const (
	atType      = 12
	atFragment4 = etherHeader + 6
	atProtocol4 = etherHeader + 9
	atProtocol6 = etherHeader + 6
	atBody6     = etherHeader + ipv6Header
)

// wanted are the frames that a port hears: a frame has to have all fields of one line.
func wanted() [][]field {
	kind := func(v uint32) field { return field{at: atType, size: 2, value: v} }
	four := func(protocol uint32, more ...field) []field {
		return append([]field{kind(etherIPv4), {at: atProtocol4, size: 1, value: protocol}}, more...)
	}
	six := func(protocol uint32, more ...field) []field {
		return append([]field{kind(etherIPv6), {at: atProtocol6, size: 1, value: protocol}}, more...)
	}
	return [][]field{
		{kind(etherARP)},
		four(protocolCARP),
		four(protocolUDP, field{at: 2, size: 2, value: BeatPort, inner: true}),
		four(protocolICMP, field{at: 0, size: 1, value: echoReply4, inner: true}),
		six(protocolCARP),
		six(protocolUDP, field{at: atBody6 + 2, size: 2, value: BeatPort}),
		six(protocolICMPv6, field{at: atBody6, size: 1, value: solicitation}),
		six(protocolICMPv6, field{at: atBody6, size: 1, value: advertisement}),
		six(protocolICMPv6, field{at: atBody6, size: 1, value: echoReply6}),
	}
}

// onlyKinds is the program that keeps what is wanted, and drops the rest. All that a device
// receives passes it.
func onlyKinds() []bpf.Instruction {
	var program []bpf.Instruction
	for _, fields := range wanted() {
		program = append(program, keep(fields)...)
	}
	return append(program, bpf.RetConstant{Val: 0})
}

// keep is a part of a program: it keeps a frame that has all fields, and goes on behind
// itself with another.
func keep(fields []field) []bpf.Instruction {
	var part []bpf.Instruction
	var misses []int
	unless := func(cond bpf.JumpTest, value uint32) {
		misses = append(misses, len(part))
		part = append(part, bpf.JumpIf{Cond: cond, Val: value})
	}
	for _, f := range fields {
		if f.inner {
			part = append(part, bpf.LoadAbsolute{Off: atFragment4, Size: 2})
			unless(bpf.JumpBitsSet, fragmentParts)
			part = append(part, bpf.LoadMemShift{Off: etherHeader}, bpf.LoadIndirect{Off: etherHeader + f.at, Size: int(f.size)})
		} else {
			part = append(part, bpf.LoadAbsolute{Off: f.at, Size: int(f.size)})
		}
		unless(bpf.JumpNotEqual, f.value)
	}
	part = append(part, bpf.RetConstant{Val: frameBytes})
	for _, at := range misses {
		jump := part[at].(bpf.JumpIf)
		jump.SkipTrue = uint8(len(part) - at - 1)
		part[at] = jump
	}
	return part
}

// forUs drops what we have sent, what is for others, unless it is for a virtual host, and frames
// of VLANs, which devices of their own hear. Priority tags have VLAN 0 and are ours.
func forUs() []bpf.Instruction {
	virtual := VirtualMAC(0)
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 7},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OTHERHOST, SkipTrue: 4},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(virtual[2]) << 8, SkipTrue: 4},
		bpf.LoadAbsolute{Off: 4, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(virtual[4]), SkipTrue: 2},
		bpf.LoadExtension{Num: bpf.ExtVLANTag},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 0x0fff, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
}

// attachFilter has a socket take in what the program keeps.
func attachFilter(fd int, program []bpf.Instruction) error {
	assembled, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	var code []unix.SockFilter
	for _, i := range assembled {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	all := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &all); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}
