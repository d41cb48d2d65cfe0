package firewall

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// ftpServer is as much of an FTP server (RFC 959, RFC 2428) as hands out one file.
type ftpServer struct {
	host *lab.Host
	seen chan netip.AddrPort // data connections as the server sees them
}

const ftpFile = "the file\n"

// serveFTP answers on a port until the test ends.
func serveFTP(t *testing.T, h *lab.Host, at netip.AddrPort) *ftpServer {
	t.Helper()
	l, err := h.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &ftpServer{host: h, seen: make(chan netip.AddrPort, 16)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.speak(c)
		}
	}()
	return s
}

// speak serves one control connection.
func (s *ftpServer) speak(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(waitAtMost))
	own := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
	say("220 ready")
	var data func() (net.Conn, error)
	for in := bufio.NewScanner(c); in.Scan(); {
		command, argument, _ := strings.Cut(in.Text(), " ")
		switch command {
		case "USER":
			say("230 come in")
		case "PORT", "EPRT":
			to, err := ftpAddress(argument)
			if err != nil {
				say("501 " + err.Error())
				continue
			}
			data = func() (net.Conn, error) {
				return s.host.Dial(context.Background(), "tcp", netip.AddrPortFrom(own, 0), to)
			}
			say("200 ok")
		case "PASV", "EPSV":
			l, err := s.host.Listen("tcp", netip.AddrPortFrom(own, 0))
			if err != nil {
				say("425 " + err.Error())
				continue
			}
			defer l.Close()
			l.(*net.TCPListener).SetDeadline(time.Now().Add(waitAtMost))
			data = l.Accept
			at := l.Addr().(*net.TCPAddr).AddrPort()
			if command == "EPSV" {
				say(fmt.Sprintf("229 extended passive mode (|||%d|)", at.Port()))
			} else {
				say("227 passive mode (" + ftpText(netip.AddrPortFrom(own, at.Port())) + ")")
			}
		case "RETR":
			say("150 here it comes")
			d, err := data()
			if err != nil {
				say("425 " + err.Error())
				continue
			}
			s.seen <- d.RemoteAddr().(*net.TCPAddr).AddrPort()
			io.WriteString(d, ftpFile)
			d.Close()
			say("226 done")
		}
	}
}

// ftpText is an address and port as PORT and 227 write them.
func ftpText(a netip.AddrPort) string {
	return strings.ReplaceAll(a.Addr().String(), ".", ",") + fmt.Sprintf(",%d,%d", a.Port()>>8, a.Port()&0xff)
}

// ftpAddress reads the argument of PORT or EPRT.
func ftpAddress(s string) (netip.AddrPort, error) {
	if strings.HasPrefix(s, "|") {
		parts := strings.Split(s, "|")
		if len(parts) != 5 {
			return netip.AddrPort{}, fmt.Errorf("%q is no address", s)
		}
		return netip.ParseAddrPort("[" + parts[2] + "]:" + parts[3])
	}
	parts := strings.Split(s, ",")
	if len(parts) != 6 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", s)
	}
	a, err := netip.ParseAddr(strings.Join(parts[:4], "."))
	hi, _ := strconv.Atoi(parts[4])
	lo, _ := strconv.Atoi(parts[5])
	return netip.AddrPortFrom(a, uint16(hi<<8|lo)), err
}

// received is how a file came.
type received struct {
	from, to netip.AddrPort // of the data connection, as the client sees it
	text     string
}

// fetchFTP gets the file from a server until the context's deadline. Mode is the
// command that agrees on the data connection.
func fetchFTP(ctx context.Context, h *lab.Host, server netip.AddrPort, mode string) (f received, err error) {
	end, _ := ctx.Deadline()
	c, err := h.Dial(ctx, "tcp", netip.AddrPort{}, server)
	if err != nil {
		return f, err
	}
	defer c.Close()
	c.SetDeadline(end)
	in := bufio.NewReader(c)
	expect := func(code string) (string, error) {
		line, err := in.ReadString('\n')
		if err == nil && !strings.HasPrefix(line, code) {
			err = fmt.Errorf("the server says %q", strings.TrimSpace(line))
		}
		return line, err
	}
	if _, err := expect("220"); err != nil {
		return f, err
	}
	// The kernel's helper looks at lines behind a line.
	fmt.Fprint(c, "USER anonymous\r\n")
	if _, err := expect("230"); err != nil {
		return f, err
	}
	own := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	data, err := agreeFTP(ctx, h, netip.AddrPortFrom(own, server.Port()), server.Addr(), mode, c, expect)
	if err != nil {
		return f, err
	}
	fmt.Fprint(c, "RETR file\r\n")
	if _, err := expect("150"); err != nil {
		return f, err
	}
	d, err := data()
	if err != nil {
		return f, err
	}
	defer d.Close()
	d.SetDeadline(end)
	f.from, f.to = d.RemoteAddr().(*net.TCPAddr).AddrPort(), d.LocalAddr().(*net.TCPAddr).AddrPort()
	text, err := io.ReadAll(d)
	f.text = string(text)
	return f, err
}

var digits = regexp.MustCompile(`\((.*)\)`)

// agreeFTP agrees on a data connection, and says how the client gets it.
func agreeFTP(ctx context.Context, h *lab.Host, own netip.AddrPort, server netip.Addr, mode string, c net.Conn, expect func(string) (string, error)) (func() (net.Conn, error), error) {
	if mode == "PORT" || mode == "EPRT" {
		l, err := h.Listen("tcp", netip.AddrPortFrom(own.Addr(), 0))
		if err != nil {
			return nil, err
		}
		end, _ := ctx.Deadline()
		l.(*net.TCPListener).SetDeadline(end)
		at := netip.AddrPortFrom(own.Addr(), l.Addr().(*net.TCPAddr).AddrPort().Port())
		if mode == "PORT" {
			fmt.Fprintf(c, "PORT %s\r\n", ftpText(at))
		} else {
			fmt.Fprintf(c, "EPRT |2|%s|%d|\r\n", at.Addr(), at.Port())
		}
		_, err = expect("200")
		return func() (net.Conn, error) { defer l.Close(); return l.Accept() }, err
	}
	fmt.Fprintf(c, "%s\r\n", mode)
	line, err := expect("22")
	if err != nil {
		return nil, err
	}
	m := digits.FindStringSubmatch(line)
	if m == nil {
		return nil, errors.New("no address in " + line)
	}
	to, err := ftpAddress(m[1])
	if mode == "EPSV" {
		port, _ := strconv.Atoi(strings.Trim(m[1], "|"))
		to, err = netip.AddrPortFrom(server, uint16(port)), nil
	}
	if err != nil {
		return nil, err
	}
	return func() (net.Conn, error) { return h.Dial(ctx, "tcp", netip.AddrPort{}, to) }, nil
}
