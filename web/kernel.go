package web

import (
	"errors"
	"os/user"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// credentials are what the kernel noted of a process when it connected.
type credentials struct {
	uid    uint32
	gid    uint32
	pid    int32
	groups []uint32 // supplementary
}

// peerOf asks the kernel who connected (unix(7), SO_PEERCRED and SO_PEERGROUPS).
func peerOf(c syscall.Conn) (credentials, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return credentials{}, err
	}
	var out credentials
	var failed error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); failed != nil {
			return
		}
		out = credentials{uid: cred.Uid, gid: cred.Gid, pid: cred.Pid}
		out.groups, failed = peerGroups(fd)
	})
	return out, errors.Join(err, failed)
}

// peerGroups is SO_PEERGROUPS, which x/sys/unix has no function for.
func peerGroups(fd uintptr) ([]uint32, error) {
	groups := make([]uint32, 32)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return slices.Clip(groups[:size/4]), nil
		case errno != unix.ERANGE || int(size/4) <= len(groups):
			return nil, errno
		}
		groups = make([]uint32, size/4)
	}
}

// loginName is the name of a user, or his number when he has none.
func loginName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// groupNumber finds a group; ok is false when there is none of that name.
func groupNumber(name string) (gid uint32, ok bool, err error) {
	g, err := user.LookupGroup(name)
	if unknown := user.UnknownGroupError(""); errors.As(err, &unknown) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	n, err := strconv.ParseUint(g.Gid, 10, 32)
	return uint32(n), err == nil, err
}
