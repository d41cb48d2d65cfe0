package replication_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

const (
	// pushRate is how many datagrams a second the server sends.
	pushRate = 1000
	// pushPort is the server's.
	pushPort = firstPort + portsCount - 1
)

// push is a translated flow that the client has opened, and in which from then on the server alone sends. A gateway
// that does not know the flow cannot guess it from what the server sends: nothing arrives before the
// flow itself does.
type push struct {
	client, server *net.UDPConn
	stop           chan struct{}
	work           sync.WaitGroup

	mu      sync.Mutex
	sent    []time.Time
	arrived []bool
}

// startPush opens the flow.
func startPush(tb testing.TB, b *bed) *push {
	tb.Helper()
	pc, err := b.server.ListenPacket("udp4", port(serverAddress, pushPort))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := b.client.Dial(tb.Context(), "udp4", netip.AddrPort{}, port(serverAddress, pushPort))
	if err != nil {
		tb.Fatal(err)
	}
	p := &push{client: c.(*net.UDPConn), server: pc.(*net.UDPConn), stop: make(chan struct{})}
	var seen netip.AddrPort
	opened := within(waitAtMost, func() bool {
		if _, err := p.client.Write([]byte("open")); err != nil {
			return false
		}
		_ = p.server.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // it fails on a closed connection only
		var err error
		_, seen, err = p.server.ReadFromUDPAddrPort(make([]byte, 16))
		return err == nil
	})
	if !opened {
		tb.Fatal("the client cannot reach the server")
	}
	p.work.Go(func() { inFront(func() { p.sendAll(seen) }) })
	go p.readAll() // it ends with the connection
	return p
}

func (p *push) sendAll(to netip.AddrPort) {
	pace := pacer{time.Now(), pushRate}
	for seq := 0; ; seq++ {
		select {
		case <-p.stop:
			return
		default:
		}
		pace.wait(seq)
		p.mu.Lock()
		p.sent, p.arrived = append(p.sent, time.Now()), append(p.arrived, false)
		p.mu.Unlock()
		_, _ = p.server.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, uint64(seq)), to) // an ICMP error to an earlier one
	}
}

func (p *push) readAll() {
	b := make([]byte, 16)
	for {
		n, err := p.client.Read(b)
		if err != nil {
			return
		}
		if n != 8 {
			continue
		}
		seq := binary.BigEndian.Uint64(b)
		p.mu.Lock()
		if seq < uint64(len(p.arrived)) {
			p.arrived[seq] = true
		}
		p.mu.Unlock()
	}
}

// arrivedSince counts what was sent after an instant and has arrived.
func (p *push) arrivedSince(at time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for i := len(p.sent) - 1; i >= 0 && p.sent[i].After(at); i-- {
		if p.arrived[i] {
			count++
		}
	}
	return count
}

// end stops the flow and returns the longest time in which nothing that was sent arrived, less the time between
// two datagrams.
func (p *push) end() time.Duration {
	close(p.stop)
	p.work.Wait()
	within(200*time.Millisecond, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.arrived[len(p.arrived)-1]
	})
	_ = p.client.Close() // all that it had to say is read
	_ = p.server.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	return longestGap(p.sent, p.arrived)
}

func longestGap(sent []time.Time, arrived []bool) time.Duration {
	gap := time.Duration(0)
	last := -1 // that arrived
	for i := range sent {
		if !arrived[i] && i < len(sent)-1 {
			continue
		}
		if last >= 0 && (i > last+1 || !arrived[i]) {
			gap = max(gap, sent[i].Sub(sent[last])-time.Second/pushRate)
		}
		last = i
	}
	return gap
}

func TestLongestGap(t *testing.T) {
	start := time.Unix(1000, 0)
	tests := []struct {
		name    string
		arrived string
		want    time.Duration
	}{
		{"nothing lost", "++++++++", 0},
		{"one", "+++-++++", time.Millisecond},
		{"two gaps", "+-++---+", 3 * time.Millisecond},
		{"for ever", "++------", 5 * time.Millisecond},
		{"before the first", "--++++++", 0},
		{"nothing", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent []time.Time
			var arrived []bool
			for i, c := range tt.arrived {
				sent, arrived = append(sent, start.Add(time.Duration(i)*time.Millisecond)), append(arrived, c == '+')
			}
			if got := longestGap(sent, arrived); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
