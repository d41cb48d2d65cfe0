package firewall

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// parseConnections reads the established connections out of /proc/net/tcp or tcp6 (proc(5)).
func parseConnections(r io.Reader, into map[Connection]bool) error {
	const established = "01"
	lines := bufio.NewScanner(r)
	lines.Scan() // the heading
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || f[3] != established {
			continue
		}
		local, err := parseProcAddr(f[1])
		if err != nil {
			return err
		}
		remote, err := parseProcAddr(f[2])
		if err != nil {
			return err
		}
		into[Connection{local, remote}] = true
	}
	return lines.Err()
}

// parseProcAddr reads 0100007F:0016: words of four bytes in the order of a little-endian host, port in hex.
func parseProcAddr(s string) (netip.AddrPort, error) {
	fault := fmt.Errorf("read connections: address %q", s)
	host, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if !ok || err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, fault
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fault
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), nil
}

// parseSSH reads SSH_CONNECTION out of a process's environment (ssh(1)):
// client address, client port, server address, server port.
func parseSSH(environ []byte) (Connection, bool) {
	for _, kv := range strings.Split(string(environ), "\x00") {
		v, ok := strings.CutPrefix(kv, "SSH_CONNECTION=")
		f := strings.Fields(v)
		if !ok || len(f) != 4 {
			continue
		}
		remote, err1 := netip.ParseAddrPort(hostPort(f[0], f[1]))
		local, err2 := netip.ParseAddrPort(hostPort(f[2], f[3]))
		if err1 == nil && err2 == nil {
			return Connection{Local: unmap(local), Remote: unmap(remote)}, true
		}
	}
	return Connection{}, false
}

func hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]:" + port
	}
	return host + ":" + port
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// parseParent reads the parent out of /proc/PID/stat (proc(5)). The second
// field is a name in brackets that may hold anything.
func parseParent(stat string) (int32, bool) {
	i := strings.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, false
	}
	f := strings.Fields(stat[i+1:])
	if len(f) < 2 {
		return 0, false
	}
	n, err := strconv.ParseInt(f[1], 10, 32)
	return int32(n), err == nil && n > 0
}
