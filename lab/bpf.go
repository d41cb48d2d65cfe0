package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bpfCode is one instruction of the kernel's virtual machine, RFC 9669.
type bpfCode struct {
	op       uint8
	dst, src uint8
	off      int16
	imm      int32
}

// Opcodes that the injector's programs are made of.
const (
	bpfLoadWord    = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	bpfLoadDouble  = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_DW
	bpfStoreWord   = unix.BPF_STX | unix.BPF_MEM | unix.BPF_W
	bpfStoreDouble = unix.BPF_STX | unix.BPF_MEM | unix.BPF_DW
	bpfMove        = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
	bpfMoveConst   = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
	bpfAddConst    = unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K
	bpfJumpEqual   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	bpfJumpLess    = unix.BPF_JMP | unix.BPF_JLT | unix.BPF_K
	bpfJumpGreater = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_X
	bpfCall        = unix.BPF_JMP | unix.BPF_CALL
	bpfExit        = unix.BPF_JMP | unix.BPF_EXIT
	bpfLoadConst   = unix.BPF_LD | unix.BPF_IMM | unix.BPF_DW // of two instructions
)

// bpfMapLookup is the number of the helper bpf_map_lookup_elem.
const bpfMapLookup = 1

// bpfLoadMap puts into a register the map itself, or with unix.BPF_PSEUDO_MAP_VALUE
// the address of its only value.
func bpfLoadMap(register, kind uint8, m *bpfArray) []bpfCode {
	return []bpfCode{{op: bpfLoadConst, dst: register, src: kind, imm: int32(m.file.Fd())}, {}}
}

func (c bpfCode) append(b []byte) []byte {
	b = append(b, c.op, c.src<<4|c.dst)
	b = binary.NativeEndian.AppendUint16(b, uint16(c.off))
	return binary.NativeEndian.AppendUint32(b, uint32(c.imm))
}

// bpfCommand is bpf(2). The attributes are a struct of the layout that the command
// wants; what it points to is kept alive by the caller.
func bpfCommand[T any](command int, attributes *T) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(unsafe.Pointer(attributes)), unsafe.Sizeof(*attributes))
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// bpfPointer is an address as bpf(2) takes it.
func bpfPointer(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// bpfArray is an array that a program and this process share.
type bpfArray struct {
	file   *os.File
	memory []byte
	stride int
}

// newBPFArray makes an array of n values of size bytes, a multiple of 8.
func newBPFArray(size, n int) (*bpfArray, error) {
	fd, err := bpfCommand(unix.BPF_MAP_CREATE, &struct{ kind, key, value, entries, flags uint32 }{
		unix.BPF_MAP_TYPE_ARRAY, 4, uint32(size), uint32(n), unix.BPF_F_MMAPABLE,
	})
	if err != nil {
		return nil, fmt.Errorf("make bpf array: %w", err)
	}
	a := &bpfArray{file: os.NewFile(uintptr(fd), "bpf-array"), stride: size}
	a.memory, err = unix.Mmap(fd, 0, size*n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map bpf array: %w", err), a.file.Close())
	}
	return a, nil
}

// value is one value of the array.
func (a *bpfArray) value(i int) []byte { return a.memory[i*a.stride:][:a.stride] }

// number is the first eight bytes of the array.
func (a *bpfArray) number() uint64 { return binary.NativeEndian.Uint64(a.memory) }

// setNumber sets the first eight bytes of the array.
func (a *bpfArray) setNumber(n uint64) { binary.NativeEndian.PutUint64(a.memory, n) }

func (a *bpfArray) Close() error {
	return errors.Join(unix.Munmap(a.memory), a.file.Close())
}

// loadBPF has the kernel check a program and keep it until its file is closed.
func loadBPF(kind, attach uint32, program []bpfCode) (*os.File, error) {
	var code []byte
	for _, c := range program {
		code = c.append(code)
	}
	license := []byte("GPL\x00") // the helpers do not ask for it; some kernels' policies do
	verdict := make([]byte, 64<<10)
	attributes := struct {
		kind, length           uint32
		code, license          uint64
		level, size            uint32
		verdict                uint64
		version, flags         uint32
		name                   [16]byte
		device, expectedAttach uint32
	}{
		kind: kind, length: uint32(len(program)), code: bpfPointer(code), license: bpfPointer(license),
		expectedAttach: attach,
	}
	fd, err := bpfCommand(unix.BPF_PROG_LOAD, &attributes)
	if err != nil { // again, to hear why
		attributes.level, attributes.size, attributes.verdict = 1, uint32(len(verdict)), bpfPointer(verdict)
		_, _ = bpfCommand(unix.BPF_PROG_LOAD, &attributes)
		err = fmt.Errorf("load bpf program: %w: %s", err, unix.ByteSliceToString(verdict))
	}
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	runtime.KeepAlive(verdict)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "bpf-program"), nil
}
