package survival_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// syncPort is the UDP port of flow sync on the cable.
const syncPort = 7113

// ofSync says whether a frame is one of flow sync.
func ofSync(frame []byte) bool {
	const atKind4, atProtocol4, atPorts4 = 12, 14 + 9, 14 + 20
	return len(frame) > atPorts4+4 && binary.BigEndian.Uint16(frame[atKind4:]) == 0x0800 && frame[atProtocol4] == byte(lab.UDP) &&
		binary.BigEndian.Uint16(frame[atPorts4+2:]) == syncPort
}

// A cable that loses frames of flow sync, doubles them and mixes them up costs time and no flow: both tables are alike
// while it is as bad as ever, and after a switch as well.
func TestBadCable(t *testing.T) {
	t.Parallel()
	b := newPair(t, frailCable)
	for _, i := range []lab.Impairment{
		{Loss: 10},
		{Double: 50},
		{Jitter: 50 * time.Millisecond, Overtake: true},
		{Delay: 100 * time.Millisecond},
		{Loss: 30, Double: 30, Jitter: 30 * time.Millisecond, Overtake: true},
	} {
		t.Logf("%+v", i)
		i.Only = ofSync
		b.wire.Set(i)
		b.churn(100)
		b.complete(b.nodes[1])
	}
	f := b.farm(few)
	b.churn(100)
	b.complete(b.nodes[1])
	before := b.nodes[1].status().Sync.Stats
	b.released(b.nodes[0])
	f.moves()
	b.churn(100)
	b.complete(b.nodes[0])
	b.released(b.nodes[1])
	f.moves()
	f.finish()
	if before.BadReplay == 0 {
		t.Errorf("no frame came twice: %+v", before)
	}
	if passed := b.wire.To(b.nodes[1].host); passed.Lost == 0 {
		t.Errorf("the cable was good: %+v", passed)
	}
}

// churn begins and ends connections and datagram flows, several at a time.
func (b *bed) churn(n int) {
	b.Helper()
	const port = 9100
	s4, s6 := netip.AddrPortFrom(server, port), netip.AddrPortFrom(site6, port)
	servers := []*lab.Server{b.server.ServeTCP(s4), b.server.ServeUDP(s4), b.site.ServeTCP(s6), b.site.ServeUDP(s6)}
	defer func() {
		for _, s := range servers {
			_ = s.Close() // all is said
		}
	}()
	var work sync.WaitGroup
	for i := range 4 {
		work.Go(func() {
			for k := i; k < n; k += 4 {
				b.client.TCP(b.Context(), s4)
				b.client.TCP(b.Context(), s6)
				b.client.UDP(b.Context(), s4)
				b.client.UDP(b.Context(), s6)
			}
		})
	}
	work.Wait()
}
