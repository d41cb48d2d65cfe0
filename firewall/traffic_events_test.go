package firewall

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/rempart/rempart/lab"
	"golang.org/x/sys/unix"
)

// eventListener hears what the kernel tells of flows.
type eventListener struct {
	conn *netlink.Conn
	site *site
}

// listen hears what the gateway's kernel tells from now on.
func (s *site) listen(t *testing.T) *eventListener {
	t.Helper()
	var conn *netlink.Conn
	err := s.gw.Do(func() (err error) {
		conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	for _, group := range []uint32{unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_UPDATE, unix.NFNLGRP_CONNTRACK_DESTROY} {
		if err := conn.JoinGroup(group); err != nil {
			t.Fatal(err)
		}
	}
	return &eventListener{conn, s}
}

// lastPort is where nothing but the last flow of a step goes, which ends what is read.
const lastPort = 5001

// since is what was told since it was last asked: a word an event.
func (l *eventListener) since(t *testing.T) []string {
	t.Helper()
	last := netip.AddrPortFrom(addr("198.51.100.7"), lastPort)
	if r := l.site.office.UDP(t.Context(), last, lab.Within(waitAtMost)); r.Outcome != lab.Open {
		t.Fatal(r)
	}
	if err := l.conn.SetReadDeadline(time.Now().Add(waitAtMost)); err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		msgs, err := l.conn.Receive()
		if err != nil {
			t.Fatalf("%v after %q", err, out)
		}
		for _, m := range msgs {
			e, err := readEvent(m)
			switch {
			case err != nil:
				t.Fatal(err)
			case e.port != lastPort:
				out = append(out, e.String())
			case e.what == "update":
				return out
			}
		}
	}
}

// event is as much of a message of the kernel as the tests look at.
type event struct {
	what   string // new, update or end
	port   uint16 // that the flow was begun to; 0 where the protocol has none
	proto  uint8
	state  uint8 // of TCP; 0 if the message does not say
	status uint32
	master bool // it names the flow that this one belongs to
	mark   bool
}

func readEvent(m netlink.Message) (e event, err error) {
	const destroy = 2
	switch {
	case uint16(m.Header.Type)&0xff == destroy:
		e.what = "end"
	case m.Header.Flags&netlink.Create != 0:
		e.what = "new"
	default:
		e.what = "update"
	}
	const header = 4 // nfgenmsg
	if len(m.Data) < header {
		return e, errors.New("a message without a header")
	}
	d, err := netlink.NewAttributeDecoder(m.Data[header:])
	if err != nil {
		return e, err
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		switch d.Type() {
		case 1: // CTA_TUPLE_ORIG
			d.Nested(e.readTuple)
		case 3: // CTA_STATUS
			e.status = d.Uint32()
		case 4: // CTA_PROTOINFO
			d.Nested(e.readState)
		case 8: // CTA_MARK
			e.mark = d.Uint32() != 0
		case 14: // CTA_TUPLE_MASTER
			e.master = true
		}
	}
	return e, d.Err()
}

func (e *event) readTuple(d *netlink.AttributeDecoder) error {
	for d.Next() {
		if d.Type() == 2 { // CTA_TUPLE_PROTO
			d.Nested(e.readPort)
		}
	}
	return d.Err()
}

func (e *event) readPort(d *netlink.AttributeDecoder) error {
	for d.Next() {
		switch b := d.Bytes(); {
		case d.Type() == 1 && len(b) == 1: // CTA_PROTO_NUM
			e.proto = b[0]
		case d.Type() == 3 && len(b) == 2: // CTA_PROTO_DST_PORT
			e.port = binary.BigEndian.Uint16(b)
		}
	}
	return d.Err()
}

func (e *event) readState(d *netlink.AttributeDecoder) error {
	for d.Next() {
		d.Nested(func(d *netlink.AttributeDecoder) error {
			for d.Next() {
				if b := d.Bytes(); d.Type() == 1 && len(b) == 1 { // CTA_PROTOINFO_TCP_STATE
					e.state = b[0]
				}
			}
			return d.Err()
		})
	}
	return d.Err()
}

func (e event) String() string {
	words := []string{e.what, lab.Protocol(e.proto).String()}
	if e.state != 0 {
		words = append(words, []string{"none", "syn-sent", "syn-recv", "established", "fin-wait", "close-wait", "last-ack", "time-wait", "close"}[e.state])
	}
	if e.status&4 != 0 && e.what == "update" {
		words = append(words, "assured")
	}
	if e.what == "update" && !e.mark {
		words = append(words, "without its rule")
	}
	if e.master {
		words = append(words, "of another")
	}
	return strings.Join(words, " ")
}

// TestTrafficIsToldWhenAnswered counts what the kernel tells of flows under the ruleset of a pair:
// a scan costs nothing, nor what is the gateway's own, and of what lives nothing is missing.
func TestTrafficIsToldWhenAnswered(t *testing.T) {
	t.Parallel()
	const itself = "[[rule]]\nname = \"itself\"\nto = \"self\"\naction = \"pass\"\n\n"
	s := newPair(t, strings.Replace(ofTwo, "[[rule]]", itself+"[[rule]]", 1)+`
[[port_forward]]
name = "inward"
on = "wan"
protocol = "tcp"
port = [8443]
target = ["10.1.3.10"]
target_port = 443
pass = true

[nat]
helpers = ["ftp"]
`)
	s.gw.AddAddr("wan0", netip.MustParsePrefix("203.0.113.5/24"))
	serveFTP(t, s.internet, addrPort("198.51.100.7:21"))
	l := s.listen(t)
	const scanned = 200
	opens := []string{"update tcp syn-recv", "update tcp established assured"}
	for _, tt := range []struct {
		what string
		do   func() error
		// first are the events that come first, and most is how many may come before the end. Who
		// closes a connection first, and whether both do at once, is not ours to say.
		first []string
		most  int
		ends  int // flows whose end is told, when all are ended
	}{
		{"a scan of TCP", func() error { return s.scan(lab.TCP, scanned) }, nil, 0, 0},
		{"a scan of UDP", func() error { return s.scan(lab.UDP, scanned) }, nil, 0, 0},
		{"a closed port", s.refused("198.51.100.7:99"), nil, 0, 0},
		{"a connection", s.connects(s.office, "198.51.100.7:80"), opens, 6, 1},
		{"a connection in IPv6", s.connects(s.office, "[2001:db8:ff::1]:80"), opens, 6, 1},
		{"a port forward", s.connects(s.internet, "203.0.113.5:8443"), opens, 6, 1},
		{"a question in UDP", func() error {
			return s.office.UDP(t.Context(), addrPort("198.51.100.7:53"), lab.Within(waitAtMost)).Err
		}, []string{"update udp"}, 1, 1},
		{"ping", func() error { return s.office.Ping(t.Context(), addr("198.51.100.7"), lab.Within(waitAtMost)).Err }, []string{"update icmp"}, 1, 1},
		{"FTP", func() error {
			_, err := fetchFTP(within(t, waitAtMost), s.office, addrPort("198.51.100.7:21"), "PASV")
			return err
		}, append(slices.Clone(opens), "new tcp syn-sent of another", "update tcp syn-recv", "update tcp established assured"), 13, 2},
		{"to the gateway", s.connects(s.office, "10.1.2.1:80"), nil, 0, 0},
		{"of the gateway", s.connects(s.gw, "198.51.100.7:80"), nil, 0, 0},
		{"within the gateway", s.connects(s.gw, "127.0.0.1:80"), nil, 0, 0},
	} {
		if err := tt.do(); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		got := l.since(t)
		s.forget(t)
		got = append(got, l.since(t)...)
		t.Logf("%s: %d events: %s", tt.what, len(got), strings.Join(got, ", "))
		ends := 0
		for _, e := range got {
			if strings.HasPrefix(e, "end ") {
				ends++
			}
		}
		if ends != tt.ends || len(got)-ends > tt.most || len(got) < len(tt.first) || !slices.Equal(got[:len(tt.first)], tt.first) {
			t.Errorf("%s: told %q, want %q first, %d at most, and the ends of %d flows", tt.what, got, tt.first, tt.most, tt.ends)
		}
	}
}

// connects opens a connection and closes it.
func (s *site) connects(from *lab.Host, to string) func() error {
	return func() error {
		if r := from.TCP(context.Background(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Open {
			return errors.New(r.String())
		}
		return nil
	}
}

// refused asks for a connection that is refused by whom it is for.
func (s *site) refused(to string) func() error {
	return func() error {
		if r := s.office.TCP(context.Background(), addrPort(to), lab.Within(waitAtMost)); r.Outcome != lab.Refused {
			return errors.New(r.String())
		}
		return nil
	}
}

// scan begins so many flows that nobody answers.
func (s *site) scan(p lab.Protocol, n int) error {
	for i := range n {
		d := lab.Datagram{Protocol: p, Src: netip.AddrPortFrom(addr("10.1.2.9"), 40_000), Dst: netip.AddrPortFrom(addr("198.51.100.99"), uint16(1000+i))}
		if p == lab.TCP {
			d.Flags = lab.SYN
		}
		if err := s.office.SendFrame("eth0", s.framed(s.office, d)); err != nil {
			return err
		}
	}
	return nil
}
