package replication_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// questions sends flows of one datagram each from the client through the gateway to a server that answers each.
type questions struct {
	conn *net.IPConn
	next int // number of the next flow: none is used twice
}

// newQuestions readies both ends. Nothing on the client listens for the answers, and nothing objects to them: its
// kernel drops them.
func newQuestions(tb testing.TB, b *bed) *questions {
	tb.Helper()
	for i := range portsCount - 1 { // the last is of push
		answer(tb, b, firstPort+uint16(i))
	}
	const deaf = `table ip deaf {
	chain in {
		type filter hook prerouting priority raw
		udp sport 9000-9018 drop
	}
}`
	if out, err := b.client.Run(tb.Context(), "nft", deaf); err != nil {
		tb.Fatal(err, out)
	}
	var conn *net.IPConn
	err := b.client.Do(func() error {
		c, err := net.ListenIP("ip4:udp", &net.IPAddr{IP: net.ParseIP(clientAddress)})
		conn = c
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // it was only written to
	return &questions{conn: conn}
}

// answer has the server send back every datagram that comes to a port.
func answer(tb testing.TB, b *bed, at uint16) {
	tb.Helper()
	pc, err := b.server.ListenPacket("udp4", port(serverAddress, at))
	if err != nil {
		tb.Fatal(err)
	}
	if err := setReceiveBuffer(pc.(*net.UDPConn), 16<<20); err != nil {
		tb.Fatal(err)
	}
	go func() { // it ends with the network, which closes the connection
		c := ipv4.NewPacketConn(pc)
		in := make([]ipv4.Message, 64)
		for i := range in {
			in[i].Buffers = [][]byte{make([]byte, 64)}
		}
		for {
			n, err := c.ReadBatch(in, 0)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // an ICMP error to an earlier answer
			}
			_, _ = c.WriteBatch(in[:n], 0) // an answer that is lost shows as a flow that is not answered
		}
	}()
}

func setReceiveBuffer(c *net.UDPConn, bytes int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes)
	}), err)
}

// ask begins flows, rate a second or, if that is 0, as fast as it can, for some time. It returns how many.
func (q *questions) ask(tb testing.TB, rate int, during time.Duration) int {
	tb.Helper()
	const burst = 32
	c := ipv4.NewPacketConn(q.conn)
	together := burst
	if rate > 0 {
		together = min(max(rate/1000, 1), burst)
	}
	ms := make([]ipv4.Message, together)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 8+16)} // a UDP header and some payload
		ms[i].Addr = net.UDPAddrFromAddrPort(netip.AddrPort{})
	}
	sent := 0
	inFront(func() {
		p := pacer{time.Now(), rate}
		for time.Since(p.start) < during {
			p.wait(sent)
			for i := range ms {
				question(ms[i].Buffers[0], q.next+i)
				ms[i].Addr = &net.IPAddr{IP: net.ParseIP(serverAddress)}
			}
			n, err := c.WriteBatch(ms, 0)
			if err != nil {
				continue // the queue is full
			}
			q.next += n
			sent += n
		}
	})
	return sent
}

// question writes the datagram of flow number i. A checksum of zero is none, RFC 768.
func question(b []byte, i int) {
	at := shuffled(i)
	binary.BigEndian.PutUint16(b, uint16(1024+at%perServer))
	binary.BigEndian.PutUint16(b[2:], uint16(firstPort+at/perServer))
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], 0)
}
