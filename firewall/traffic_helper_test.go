package firewall

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/lab"
)

// helpedSite is a policy that lets in what begins with FTP and TFTP, and no more.
const helpedSite = `
[[rule]]
name = "ask"
from = "inside"
to = "wan"
protocol = ["tcp", "udp"]
port = [21, 69, 1719, 1720, 1723, 5060]
action = "pass"

[[port_forward]]
name = "ftp"
on = "wan"
protocol = "tcp"
port = [21]
target = ["10.1.3.10", "2001:db8:3::10"]
target_port = 2121
pass = true

[[port_forward]]
name = "other-port"
on = "wan"
protocol = "tcp"
port = [2100]
target = ["10.1.3.10"]
target_port = 21
pass = true

[[port_forward]]
name = "shifted"
on = "wan"
protocol = "tcp"
port = ["3000-3100"]
target = ["10.1.3.10"]
target_port = 10
pass = true
`

func TestTrafficFTP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	outside := serveFTP(t, s.internet, addrPort("198.51.100.7:21"))
	for _, at := range []string{"10.1.3.10:21", "10.1.3.10:2121", "[2001:db8:3::10]:2121"} {
		serveFTP(t, s.server, addrPort(at))
	}
	for _, helped := range []bool{false, true} {
		policy := helpedSite
		if helped {
			policy += "\n[nat]\nhelpers = [\"ftp\"]\n"
		}
		s.apply(t, policy)
		s.forget(t)
		for _, tt := range []struct {
			what   string
			client *lab.Host
			server string
			mode   string
		}{
			{"active through outbound NAT", s.office, "198.51.100.7:21", "PORT"},
			{"passive through outbound NAT", s.office, "198.51.100.7:21", "PASV"},
			{"extended passive through outbound NAT", s.office, "198.51.100.7:21", "EPSV"},
			{"passive through a port forward", s.internet, "203.0.113.2:21", "PASV"},
			{"active through a port forward", s.internet, "203.0.113.2:21", "PORT"},
			{"passive through a port forward from another port", s.internet, "203.0.113.2:2100", "PASV"},
			{"passive through a shifted range", s.internet, "203.0.113.2:3011", "PASV"},
			{"extended passive through a port forward of IPv6", s.internet, "[2001:db8:ff::2]:21", "EPSV"},
			{"extended active through a port forward of IPv6", s.internet, "[2001:db8:ff::2]:21", "EPRT"},
		} {
			f, err := fetchFTP(patient(t, helped), tt.client, addrPort(tt.server), tt.mode)
			if got := err == nil && f.text == ftpFile; got != helped {
				t.Errorf("%s, helper %t: %+v, %v", tt.what, helped, f, err)
			}
			if helped && tt.client == s.internet && f.from.Addr() != addrPort(tt.server).Addr() {
				t.Errorf("%s: the data come from %s", tt.what, f.from)
			}
		}
	}
	// Data connections leave as their control connections do.
	for range 3 {
		select {
		case from := <-outside.seen:
			if from.Addr() != addr("203.0.113.2") {
				t.Errorf("a data connection from %s", from)
			}
		default:
			t.Error("the outside server saw fewer data connections than there were")
		}
	}
}

// TestForeseenFlowsHaveTheMark: what a helper foresaw has the rule of the flow that named it.
func TestForeseenFlowsHaveTheMark(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	serveFTP(t, s.internet, addrPort("198.51.100.7:21"))
	s.apply(t, helpedSite+"\n[nat]\nhelpers = [\"ftp\"]\n")
	for _, mode := range []string{"PORT", "PASV"} {
		s.forget(t)
		if _, err := fetchFTP(patient(t, true), s.office, addrPort("198.51.100.7:21"), mode); err != nil {
			t.Fatal(err)
		}
		all, err := s.FlowTable.List(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(f flows.Flow) bool { return f.Orig.Proto != 6 }) // the gateway asks its lines
		foreseen := 0
		for _, f := range all {
			if f.Rule() != s.memory.Numbers["ask"] {
				t.Errorf("%s: %+v has another rule", mode, f)
			}
			if f.Status&flows.Expected != 0 {
				foreseen++
			}
		}
		if foreseen != 1 || len(all) != 2 {
			t.Errorf("%s: %d flows, %d of them foreseen", mode, len(all), foreseen)
		}
	}
}

// patient is a context to fetch a file in: without a helper the client waits in vain.
func patient(t *testing.T, helped bool) context.Context {
	t.Helper()
	if helped {
		return within(t, waitAtMost)
	}
	return within(t, 5*patience)
}

// serveTFTP answers read requests (RFC 1350), each from a port of its own.
func serveTFTP(t *testing.T, h *lab.Host, at netip.AddrPort) {
	t.Helper()
	c, err := h.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil || n < 4 || binary.BigEndian.Uint16(b) != 1 {
				continue
			}
			data, err := h.Dial(context.Background(), "udp", netip.AddrPortFrom(at.Addr(), 0), from.(*net.UDPAddr).AddrPort())
			if err != nil {
				continue
			}
			fmt.Fprint(data, "\x00\x03\x00\x01"+ftpFile)
			data.Close()
		}
	}()
}

// fetchTFTP gets the file from a server, and says from where it came.
func fetchTFTP(t *testing.T, h *lab.Host, own, server netip.AddrPort, helped bool) (text string, from netip.AddrPort, err error) {
	t.Helper()
	c, err := h.ListenPacket("udp", own)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	end, _ := patient(t, helped).Deadline()
	if err := c.SetDeadline(end); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo([]byte("\x00\x01file\x00octet\x00"), net.UDPAddrFromAddrPort(server)); err != nil {
		return "", from, err
	}
	b := make([]byte, 512)
	n, peer, err := c.ReadFrom(b)
	if err != nil {
		return "", from, err
	}
	return string(b[4:n]), peer.(*net.UDPAddr).AddrPort(), nil
}

func TestTrafficTFTP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	serveTFTP(t, s.internet, addrPort("198.51.100.7:69"))
	serveTFTP(t, s.server, addrPort("10.1.3.10:6969"))
	const forwarded = "[[port_forward]]\nname = \"tftp\"\non = \"wan\"\nprotocol = \"udp\"\nport = [69]\ntarget = [\"10.1.3.10\"]\ntarget_port = 6969\npass = true\n"
	for _, helped := range []bool{false, true} {
		policy := helpedSite + forwarded
		if helped {
			policy += "\n[nat]\nhelpers = [\"tftp\"]\n"
		}
		s.apply(t, policy)
		s.forget(t)
		text, from, err := fetchTFTP(t, s.office, addrPort("10.1.2.9:7000"), addrPort("198.51.100.7:69"), helped)
		if (text == ftpFile) != helped || !helped && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("through outbound NAT, helper %t: %q from %s, %v", helped, text, from, err)
		}
		text, from, err = fetchTFTP(t, s.internet, addrPort("198.51.100.8:7000"), addrPort("203.0.113.2:69"), helped)
		if (text == ftpFile) != helped || helped && from.Addr() != addr("203.0.113.2") {
			t.Errorf("through a port forward, helper %t: %q from %s, %v", helped, text, from, err)
		}
	}
}

// TestHelpersAreAssigned: every helper of the language is the kernel's, and flows
// to its ports have it, whoever sends them but the gateway.
func TestHelpersAreAssigned(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, helpedSite+"\n[nat]\nhelpers = [\"ftp\", \"sip\", \"tftp\", \"pptp\", \"h323\"]\n")
	for _, port := range []uint16{21, 5060, 1723, 1720} {
		s.internet.ServeTCP(netip.AddrPortFrom(addr("198.51.100.7"), port))
	}
	s.internet.ServeTCP(addrPort("[2001:db8:ff::1]:21"))
	for try, want := range map[string]string{
		"tcp 198.51.100.7:21": "ftp", "tcp 198.51.100.7:5060": "sip", "udp 198.51.100.7:5060": "sip", "udp 198.51.100.7:69": "tftp",
		"tcp 198.51.100.7:1723": "pptp", "tcp 198.51.100.7:1720": "Q.931", "udp 198.51.100.7:1719": "RAS", "tcp [2001:db8:ff::1]:21": "ftp",
	} {
		for _, from := range []string{"office", "gw"} {
			s.forget(t)
			s.send(t, probe{try: from + " " + try, want: lab.Timeout})
			family := "ipv4"
			if strings.Contains(try, "[") {
				family = "ipv6"
			}
			out, err := s.gw.Run(t.Context(), "conntrack", "-L", "-f", family)
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(out, "helper="+want); has != (from == "office") {
				t.Errorf("%s %s: helper %s: %t in\n%s", from, try, want, has, out)
			}
		}
	}
}
