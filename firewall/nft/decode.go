package nft

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var errTruncated = errors.New("truncated netlink attribute")

// attributes walks over netlink attributes. Every access is checked, since what
// comes from a socket may be anything.
type attributes struct {
	rest  []byte
	kind  uint16
	value []byte
	err   error
}

// next goes to the next attribute; false at the end and at a fault.
func (a *attributes) next() bool {
	if a.err != nil || len(a.rest) == 0 {
		return false
	}
	if len(a.rest) < attrHeaderLen {
		a.err = errTruncated
		return false
	}
	n := int(binary.NativeEndian.Uint16(a.rest))
	if n < attrHeaderLen || n > len(a.rest) {
		a.err = errTruncated
		return false
	}
	a.kind = binary.NativeEndian.Uint16(a.rest[2:]) & attrTypeMask
	a.value = a.rest[attrHeaderLen:n:n]
	a.rest = a.rest[min((n+3)&^3, len(a.rest)):]
	return true
}

func (a *attributes) uint8() uint8 {
	if len(a.value) != 1 {
		a.err = errTruncated
		return 0
	}
	return a.value[0]
}

func (a *attributes) uint32() uint32 {
	if len(a.value) != 4 {
		a.err = errTruncated
		return 0
	}
	return binary.BigEndian.Uint32(a.value)
}

func (a *attributes) uint64() uint64 {
	if len(a.value) != 8 {
		a.err = errTruncated
		return 0
	}
	return binary.BigEndian.Uint64(a.value)
}

func (a *attributes) text() string { return strings.TrimRight(string(a.value), "\x00") }

// nested walks over the attributes within the present one.
func (a *attributes) nested(visit func(*attributes)) {
	inner := attributes{rest: a.value}
	for inner.next() {
		visit(&inner)
	}
	if a.err == nil {
		a.err = inner.err
	}
}

// decodeMessage walks over the attributes of a message of nf_tables, behind its nfgenmsg.
func decodeMessage(data []byte, visit func(*attributes)) error {
	if len(data) < nfHeaderLen {
		return errTruncated
	}
	a := attributes{rest: data[nfHeaderLen:]}
	for a.next() {
		visit(&a)
	}
	return a.err
}

// decodeGeneration reads NFT_MSG_NEWGEN.
func decodeGeneration(data []byte) (generation uint32, err error) {
	err = decodeMessage(data, func(a *attributes) {
		if a.kind == unix.NFTA_GEN_ID {
			generation = a.uint32()
		}
	})
	return generation, err
}

// chainMessage is a chain of any table.
type chainMessage struct {
	table string
	chain ChainHead
}

// decodeChain reads NFT_MSG_NEWCHAIN.
func decodeChain(data []byte) (c chainMessage, err error) {
	hook, based := Hook{Policy: Verdict{Kind: Accept}}, false
	err = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_CHAIN_TABLE:
			c.table = a.text()
		case unix.NFTA_CHAIN_NAME:
			c.chain.Name = a.text()
		case unix.NFTA_CHAIN_TYPE:
			hook.Type = a.text()
		case unix.NFTA_CHAIN_POLICY:
			if a.uint32() == nfDrop {
				hook.Policy.Kind = Drop
			}
		case unix.NFTA_CHAIN_HOOK:
			based = true
			a.nested(func(a *attributes) { decodeHook(a, &hook) })
		}
	})
	if based {
		c.chain.Hook = &hook
	}
	return c, err
}

func decodeHook(a *attributes, h *Hook) {
	switch a.kind {
	case unix.NFTA_HOOK_HOOKNUM:
		if n := a.uint32(); n < uint32(len(hookPoints)) {
			h.Point = hookPoints[n]
		}
	case unix.NFTA_HOOK_PRIORITY:
		h.Priority = int(int32(a.uint32()))
	}
}

// verdictKind is the verdict with a number of the kernel; 0 is to go on. Those of
// netfilter carry more, such as the number of a queue, in their higher bits.
func verdictKind(code uint32) VerdictKind {
	const netfilterMask = 0xff
	n := int32(code)
	if n >= 0 {
		n &= netfilterMask
	}
	return map[int32]VerdictKind{
		nfAccept: Accept, nfDrop: Drop, nfStolen: Stolen, nfQueue: Queue,
		nftJump: Jump, nftGoto: Goto, nftReturn: Return,
	}[n]
}

// Counter is the figures of a named counter.
type Counter struct{ Packets, Bytes uint64 }

// decodeCounter reads NFT_MSG_NEWOBJ.
func decodeCounter(data []byte) (name string, c Counter, err error) {
	err = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_OBJ_NAME:
			name = a.text()
		case unix.NFTA_OBJ_DATA:
			a.nested(func(a *attributes) {
				switch a.kind {
				case unix.NFTA_COUNTER_BYTES:
					c.Bytes = a.uint64()
				case unix.NFTA_COUNTER_PACKETS:
					c.Packets = a.uint64()
				}
			})
		}
	})
	return name, c, err
}

// decodeSet reads NFT_MSG_NEWSET. Fields of a type that the compiler does not know come as zero.
func decodeSet(data []byte) (s Set, anonymous bool, err error) {
	var size uint32
	err = decodeMessage(data, func(a *attributes) {
		switch a.kind {
		case unix.NFTA_SET_NAME:
			s.Name = a.text()
		case unix.NFTA_SET_FLAGS:
			flags := a.uint32()
			anonymous = flags&unix.NFT_SET_ANONYMOUS != 0
			s.Interval = flags&unix.NFT_SET_INTERVAL != 0
			s.Dynamic = flags&unix.NFT_SET_EVAL != 0
			s.HasTimeout = flags&unix.NFT_SET_TIMEOUT != 0
		case unix.NFTA_SET_KEY_TYPE:
			s.Key = keyTypes(a.uint32())
		case unix.NFTA_SET_KEY_LEN:
			size = a.uint32()
		case unix.NFTA_SET_DATA_TYPE:
			s.Data = typeOf(a.uint32())
		case unix.NFTA_SET_TIMEOUT:
			s.Timeout = time.Duration(a.uint64()) * time.Millisecond
		case unix.NFTA_SET_DESC:
			a.nested(func(a *attributes) {
				if a.kind == unix.NFTA_SET_DESC_SIZE {
					s.Size = int(a.uint32())
				}
			})
		case unix.NFTA_SET_USERDATA:
			s.Comment = userText(a.value, userComment)
		}
	})
	// Integers have one number whatever their size, which the length of the key tells.
	if len(s.Key) == 1 && s.Key[0] == TypeHops && size == uint32(TypeSlot.datatype().size) {
		s.Key[0] = TypeSlot
	}
	return s, anonymous, err
}

// keyTypes splits nft's number for a key into those of its fields.
func keyTypes(magic uint32) []Type {
	var key []Type
	for ; magic != 0; magic >>= 6 {
		key = append([]Type{typeOf(magic & (1<<6 - 1))}, key...)
	}
	return key
}

func typeOf(magic uint32) Type {
	for t, d := range datatypes {
		if d.magic == magic && d.magic != 0 {
			return Type(t)
		}
	}
	return 0
}

// userText finds a text in nft's own data.
func userText(b []byte, kind byte) string {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		value := b[2 : 2+int(b[1])]
		if b[0] == kind {
			return strings.TrimRight(string(value), "\x00")
		}
		b = b[2+len(value):]
	}
	return ""
}
