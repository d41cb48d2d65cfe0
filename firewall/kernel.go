package firewall

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Machine is the machine that the program runs on.
type Machine struct{}

// BootID tells one boot from another.
func (Machine) BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// Connections are the TCP connections that stand now, IPv4 and IPv6.
func (Machine) Connections() (map[Connection]bool, error) {
	out := map[Connection]bool{}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("read connections: %w", err)
		}
		err = parseConnections(f, out)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxAncestors bounds the walk from a process to the login it came from.
const maxAncestors = 64

// ComesBy is the SSH connection that a process was started over. sudo takes
// SSH_CONNECTION out of the environment, so the parents are asked as well.
func (Machine) ComesBy(pid int32) (Connection, bool) {
	for range maxAncestors {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil {
			if c, ok := parseSSH(environ); ok {
				return c, true
			}
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return Connection{}, false
		}
		parent, ok := parseParent(string(stat))
		if !ok {
			return Connection{}, false
		}
		pid = parent
	}
	return Connection{}, false
}

// DeviceTo is the device by which the kernel sends to an address now.
func (Machine) DeviceTo(a netip.Addr) (device string, ok bool) {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", false
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", false
	}
	return link.Attrs().Name, true
}

// ClaimTable makes this process the only rempart in its network namespace. The
// claim is a name in the namespace's abstract sockets (unix(7)): it goes with
// the process, whatever becomes of it.
func ClaimTable() (io.Closer, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@rempart/inet/" + TableName, Net: "unix"})
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("claim table inet %s: another rempart runs in this network namespace: stop it first", TableName)
	}
	if err != nil {
		return nil, fmt.Errorf("claim table inet %s: %w", TableName, err)
	}
	return l, nil
}
