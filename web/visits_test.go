package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
)

// TestCrowdKeepsNobodyOut opens many connections that never end by themselves,
// and asks for the status beside them.
func TestCrowdKeepsNobodyOut(t *testing.T) {
	for _, c := range []struct{ name, sends string }{
		{"silent", ""},
		{"slow header", "GET /v1/status HTTP/1.1\r\nHost: rempart\r\nX-Slow: "},
		{"slow body", "POST /v1/check HTTP/1.1\r\nHost: rempart\r\nContent-Length: 20000000\r\n\r\n{"},
		{"follows and does not read", "GET /v1/log/follow HTTP/1.1\r\nHost: rempart\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := serving(t, &fake{entries: make(chan packetlog.Entry)})
			var crowd []net.Conn
			for range 10 * maxVisits {
				conn, err := net.Dial("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := io.WriteString(conn, c.sends); err != nil && len(crowd) < maxVisits {
					t.Fatal(err)
				}
				crowd = append(crowd, conn)
			}
			if _, err := Dial(socket).Status(t.Context()); err != nil {
				t.Fatalf("beside %d connections: %v", len(crowd), err)
			}
			open := len(crowd)
			for end := time.Now().Add(stopTime); open > maxVisits && time.Now().Before(end); {
				open = 0
				for _, conn := range crowd {
					if !ended(t, conn) {
						open++
					}
				}
			}
			if open > maxVisits {
				t.Errorf("%d connections are open, want %d at most", open, maxVisits)
			}
		})
	}
}

// ended says whether the other end closed a connection, once what it sent before is read.
func ended(t *testing.T, c net.Conn) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, c)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestVisits(t *testing.T) {
	v := newVisits()
	conns := make([]net.Conn, maxVisits+2)
	for i := range conns {
		conns[i], _ = net.Pipe()
	}
	other, _ := net.Pipe()
	v.enter(1000, other)
	for i, c := range conns {
		if crowded := v.enter(0, c); crowded != (i == maxVisits) {
			t.Errorf("connection %d: crowded is %v", i, crowded)
		}
	}
	isClosed := func(c net.Conn) bool { return errors.Is(c.SetDeadline(time.Time{}), io.ErrClosedPipe) }
	if !isClosed(conns[0]) || !isClosed(conns[1]) || isClosed(conns[2]) || isClosed(other) {
		t.Error("not the two oldest of the user were closed")
	}
	v.turn(conns[2], http.StateActive)
	v.turn(conns[3], http.StateActive)
	v.turn(conns[3], http.StateIdle)
	more, _ := net.Pipe()
	v.enter(0, more)
	if isClosed(conns[2]) || !isClosed(conns[3]) {
		t.Error("who asks went before who does not")
	}
	for _, c := range append(conns, more, other) {
		v.turn(c, http.StateClosed)
		v.turn(c, http.StateClosed)
	}
	if len(v.users) != 0 || len(v.visits) != 0 {
		t.Errorf("%d users and %d connections stay", len(v.users), len(v.visits))
	}
}

// TestLargeDraftsAreFew holds as many large policies as one user may, and tries one more.
func TestLargeDraftsAreFew(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	client := Dial(serving(t, &fake{during: func(context.Context) { begun <- struct{}{}; <-end }}))
	apply := func(size int) error {
		d := report.Draft{PolicyName: "edge.toml", Policy: make([]byte, size)}
		_, err := client.Apply(t.Context(), report.Request{Draft: d}, report.Caller{})
		return err
	}
	answered := make(chan error)
	for range maxDrafts {
		go func() { answered <- apply(maxSmallBody) }()
		<-begun
	}
	if err := apply(maxSmallBody); !errors.Is(err, report.ErrRequest) || !strings.HasPrefix(err.Error(), "4 large policies of user ") {
		t.Errorf("one too many: %v", err)
	}
	go func() { answered <- apply(1) }()
	<-begun // a small one comes in all the same
	close(end)
	for range maxDrafts + 1 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	go func() { answered <- apply(maxSmallBody) }()
	<-begun
	if err := <-answered; err != nil {
		t.Errorf("after the others were done: %v", err)
	}
}
