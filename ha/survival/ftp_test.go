package survival_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The size of files, and how fast the server sends them: in so many pieces, one after the other.
const (
	smallFile, largeFile = 1000, 4 << 20
	filePieces, fileRest = 40, 100 * time.Millisecond
)

// FTP names its data connections in its control connection, whose segments the gateways change. That a connection
// was opened through the one node does not keep files from coming through the other one.
func TestFTP(t *testing.T) {
	t.Parallel()
	b := newPair(t, goodCable)
	b.serveFTP()
	for _, mode := range []string{"PORT", "PASV"} {
		used, fresh, agreed, busy := b.login(), b.login(), b.login(), b.login()
		used.fetch(used.agree(mode), smallFile)
		promised := agreed.agree(mode)
		underway := busy.begin(busy.agree(mode), largeFile)
		master := b.nodes[0]
		b.complete(b.nodes[1])
		b.released(master)
		used.fetch(used.agree(mode), smallFile)
		fresh.fetch(fresh.agree(mode), smallFile)
		agreed.fetch(promised, smallFile)
		underway()
		b.complete(master)
		b.released(b.nodes[1])
		used.fetch(used.agree(mode), smallFile)
		b.complete(b.nodes[1])
	}
}

// ftp is a control connection as its client has it.
type ftp struct {
	*bed
	conn net.Conn
	in   *bufio.Reader
}

// file is what every file of a size holds.
func file(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(b) // it never fails
	return b
}

// login opens a control connection.
func (b *bed) login() *ftp {
	b.Helper()
	c, err := b.client.Dial(b.Context(), "tcp", netip.AddrPort{}, netip.AddrPortFrom(server, ftpPort))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	f := &ftp{bed: b, conn: c, in: bufio.NewReader(c)}
	f.hears("220")
	// The kernel's helper looks at lines behind a line.
	f.says("USER anonymous")
	f.hears("230")
	return f
}

func (f *ftp) says(line string) {
	f.Helper()
	if _, err := fmt.Fprintf(f.conn, "%s\r\n", line); err != nil {
		f.Fatal(err)
	}
}

// hears reads an answer, which has to begin with a code.
func (f *ftp) hears(code string) string {
	f.Helper()
	if err := f.conn.SetReadDeadline(time.Now().Add(waitAtMost)); err != nil {
		f.Fatal(err)
	}
	line, err := f.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, code) {
		f.Fatalf("the server says %q, %v; want %s", line, err, code)
	}
	return line
}

// agree agrees on a data connection, and returns how the client gets it.
func (f *ftp) agree(mode string) func() (net.Conn, error) {
	f.Helper()
	if mode == "PASV" {
		f.says(mode)
		_, text, _ := strings.Cut(f.hears("227"), "(")
		text, _, _ = strings.Cut(text, ")")
		to, err := ftpAddress(text)
		if err != nil {
			f.Fatal(err)
		}
		return func() (net.Conn, error) { return f.client.Dial(f.Context(), "tcp", netip.AddrPort{}, to) }
	}
	l, err := f.client.Listen("tcp", netip.AddrPortFrom(client, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.says(mode + " " + ftpText(l.Addr()))
	f.hears("200")
	return func() (net.Conn, error) {
		defer l.Close()
		if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(waitAtMost)); err != nil {
			return nil, err
		}
		return l.Accept()
	}
}

// begin has a file come, and returns when a piece of it is there. What it returns waits for all of it.
func (f *ftp) begin(data func() (net.Conn, error), size int) (rest func()) {
	f.Helper()
	f.says("RETR " + strconv.Itoa(size))
	c, err := data()
	if err != nil {
		line, _ := f.in.ReadString('\n') // what the server has to say, if it does
		f.Fatalf("%v; the server says %q", err, line)
	}
	f.Cleanup(func() { c.Close() })
	f.hears("150")
	want, sum := sha256.Sum256(file(size)), sha256.New()
	read := func(n int64) int64 {
		f.Helper()
		if err := c.SetReadDeadline(time.Now().Add(waitAtMost)); err != nil {
			f.Fatal(err)
		}
		n, err := io.CopyN(sum, c, n)
		if err != nil && err != io.EOF {
			f.Fatal(err)
		}
		return n
	}
	first := read(int64(size / filePieces))
	return func() {
		f.Helper()
		if n := first + read(int64(size)); n != int64(size) || [32]byte(sum.Sum(nil)) != want {
			f.Errorf("of %d bytes %d came, or others", size, n)
		}
		f.hears("226")
	}
}

// fetch has a file come.
func (f *ftp) fetch(data func() (net.Conn, error), size int) {
	f.Helper()
	f.begin(data, size)()
}

// serveFTP answers as an FTP server (RFC 959) that has a file of every size.
func (b *bed) serveFTP() {
	b.Helper()
	l, err := b.server.Listen("tcp", netip.AddrPortFrom(server, ftpPort))
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go b.serveOne(c)
		}
	}()
}

// serveOne serves a control connection until its client closes it.
func (b *bed) serveOne(c net.Conn) {
	defer c.Close()
	var data func() (net.Conn, error)
	fmt.Fprint(c, "220 ready\r\n")
	for in := bufio.NewScanner(c); in.Scan(); {
		command, argument, _ := strings.Cut(in.Text(), " ")
		switch command {
		case "USER":
			fmt.Fprint(c, "230 come in\r\n")
		case "PORT":
			to, err := ftpAddress(argument)
			if err != nil {
				fmt.Fprintf(c, "501 %v\r\n", err)
				continue
			}
			data = func() (net.Conn, error) {
				ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
				defer cancel()
				return b.server.Dial(ctx, "tcp", netip.AddrPort{}, to)
			}
			fmt.Fprint(c, "200 ok\r\n")
		case "PASV":
			l, err := b.server.Listen("tcp", netip.AddrPortFrom(server, 0))
			if err != nil {
				fmt.Fprintf(c, "425 %v\r\n", err)
				continue
			}
			data = func() (net.Conn, error) { defer l.Close(); return l.Accept() }
			fmt.Fprintf(c, "227 passive mode (%s)\r\n", ftpText(l.Addr()))
		case "RETR":
			size, _ := strconv.Atoi(argument)
			fmt.Fprintf(c, "%s\r\n", sendFile(c, data, size))
		}
	}
}

// sendFile sends a file over a data connection, large ones piece by piece, and returns the last word.
func sendFile(control io.Writer, data func() (net.Conn, error), size int) string {
	d, err := data()
	if err != nil {
		return "425 " + err.Error()
	}
	defer d.Close()
	fmt.Fprint(control, "150 here it comes\r\n")
	for rest := file(size); len(rest) > 0; {
		n := min(len(rest), max(size/filePieces, 1))
		if _, err := d.Write(rest[:n]); err != nil {
			return "426 " + err.Error()
		}
		if rest = rest[n:]; size == largeFile {
			time.Sleep(fileRest) // the pace of the file
		}
	}
	return "226 done"
}

// ftpText is an address as PORT and 227 write it.
func ftpText(a net.Addr) string {
	ap := a.(*net.TCPAddr).AddrPort()
	return strings.ReplaceAll(ap.Addr().Unmap().String(), ".", ",") + fmt.Sprintf(",%d,%d", ap.Port()>>8, ap.Port()&0xff)
}

// ftpAddress is the inverse of ftpText.
func ftpAddress(s string) (netip.AddrPort, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 6 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", s)
	}
	a, err := netip.ParseAddr(strings.Join(parts[:4], "."))
	if err != nil {
		return netip.AddrPort{}, err
	}
	var port [2]uint64
	for i, p := range parts[4:] {
		if port[i], err = strconv.ParseUint(p, 10, 8); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return netip.AddrPortFrom(a, uint16(port[0]<<8|port[1])), nil
}
