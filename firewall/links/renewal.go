package links

import (
	"encoding/binary"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// renewals is addresses as the kernel told them last. It tells a lease that is
// renewed as it tells a new address, and whoever holds one for seconds renews it often:
// that is no news.
type renewals map[string]string

// renews reports whether a message says of an address what was said before, its
// times aside, and remembers it.
func (r renewals) renews(m syscall.NetlinkMessage) bool {
	if m.Header.Type != unix.RTM_NEWADDR && m.Header.Type != unix.RTM_DELADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return false
	}
	attrs, err := nl.ParseRouteAttr(m.Data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return false
	}
	head := nl.DeserializeIfAddrmsg(m.Data)
	which := binary.NativeEndian.AppendUint32([]byte{head.Family, head.Prefixlen}, head.Index)
	said := append([]byte{}, m.Data[:unix.SizeofIfAddrmsg]...)
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFA_CACHEINFO:
			continue
		case unix.IFA_ADDRESS, unix.IFA_LOCAL:
			which = append(append(which, byte(a.Attr.Type)), a.Value...)
		}
		said = append(binary.NativeEndian.AppendUint16(said, a.Attr.Type), a.Value...)
	}
	if m.Header.Type == unix.RTM_DELADDR {
		delete(r, string(which))
		return false
	}
	before, ok := r[string(which)]
	r[string(which)] = string(said)
	return ok && before == string(said)
}
