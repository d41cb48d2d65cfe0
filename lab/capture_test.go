package lab

import (
	"bytes"
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
)

// TestCaptureSeesRawPackets sends packets that no socket would, and sees them arrive as they are.
func TestCaptureSeesRawPackets(t *testing.T) {
	p := newPair(t)
	spoofed := map[string]Datagram{
		"all flags": {Src: port("203.0.113.9", 1), Dst: port(server4, 80), Protocol: TCP, TTL: 3, Flags: 0xff, Seq: 9, Payload: []byte("x")},
		"no flags":  {Src: port("2001:db8::bad", 1), Dst: port(server6, 80), Protocol: TCP, TTL: 3},
		"udp":       {Src: port("203.0.113.9", 1), Dst: port(server4, 81), Protocol: UDP, TTL: 64, Payload: []byte("x")},
		"icmp":      {Src: port("2001:db8::bad", 0), Dst: port(server6, 0), Protocol: ICMP6, TTL: 255, Payload: []byte{3, 0, 0, 0}},
		"other":     {Src: port("203.0.113.9", 0), Dst: port(server4, 0), Protocol: 253, TTL: 64, Payload: []byte{1}},
	}
	for name, want := range spoofed {
		t.Run(name, func(t *testing.T) {
			foreign := func(frame []byte) bool {
				d, err := Packet{Frame: frame}.Datagram()
				return err == nil && d.Src.Addr() == want.Src.Addr()
			}
			sent, got := p.client.Capture("eth0", foreign), p.server.Capture("eth0", foreign)
			before := time.Now()
			if err := p.client.Send(want.Append(nil)); err != nil {
				t.Fatal(err)
			}
			if ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second); !got.Await(ctx, 1) {
				t.Fatal("nothing came")
			} else {
				cancel()
			}
			for out, packets := range map[bool][]Packet{true: sent.Stop(), false: got.Stop()} {
				if len(packets) != 1 || packets[0].Out != out {
					t.Fatalf("captured %v, want one with out %t", packets, out)
				}
				d, err := packets[0].Datagram()
				if err != nil {
					t.Fatal(err)
				}
				want.Payload = d.Payload[:copy(bytes.Clone(d.Payload), want.Payload)]
				if diff := cmp.Diff(want.String(), d.String()); diff != "" || d.TTL != want.TTL {
					t.Errorf("ttl %d, -want +got:\n%s", d.TTL, diff)
				}
				if at := packets[0].At; at.Before(before) || at.After(time.Now()) {
					t.Errorf("seen at %s", at)
				}
			}
		})
	}
}

// TestSentIsValid has the kernel judge our checksums: it answers only what is right.
func TestSentIsValid(t *testing.T) {
	p := newPair(t)
	p.server.ServeUDP(port(server4, 53))
	p.server.ServeUDP(port(server6, 53))
	for _, a := range [][2]string{{client4, server4}, {client6, server6}} {
		echo, reply := []byte{8, 0, 0, 0, 0, 7, 0, 1}, byte(echoReply)
		icmp := ICMP4
		if addr(a[0]).Is6() {
			echo[0], reply, icmp = echoRequest6, echoReply6, ICMP6
		}
		tests := []struct {
			question Datagram
			answered func(d Datagram) bool
		}{
			{
				Datagram{Src: port(a[0], 999), Dst: port(a[1], 53), Protocol: UDP, Payload: []byte("who")},
				func(d Datagram) bool { return d.Protocol == UDP && bytes.Contains(d.Payload, []byte("server ")) },
			},
			{
				Datagram{Src: port(a[0], 999), Dst: port(a[1], 80), Protocol: TCP, Flags: SYN, Seq: 41},
				func(d Datagram) bool { return d.Protocol == TCP && d.Flags == RST|ACK && d.Ack == 42 },
			},
			{
				Datagram{Src: port(a[0], 0), Dst: port(a[1], 0), Protocol: icmp, Payload: echo},
				func(d Datagram) bool { return d.Protocol == icmp && d.Payload[0] == reply },
			},
		}
		for _, tt := range tests {
			c := p.client.Capture("eth0", func(frame []byte) bool {
				d, err := Packet{Frame: frame}.Datagram()
				return err == nil && d.Src == tt.question.Dst && tt.answered(d)
			})
			if err := p.client.Send(tt.question.Append(nil)); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if !c.Await(ctx, 1) {
				t.Errorf("%s: no answer", tt.question)
			}
			cancel()
			c.Stop()
		}
	}
}

func TestSendErrors(t *testing.T) {
	p := newPair(t)
	unrouted := Datagram{Src: port(client4, 1), Dst: port("192.0.2.1", 1), Protocol: UDP}
	for want, err := range map[string]error{
		"host client: send packet: neither IPv4 nor IPv6":                   p.client.Send(nil),
		"host client: send packet: network is unreachable":                  p.client.Send(unrouted.Append(nil)),
		"host client: send frame on eth0: too short":                        p.client.SendFrame("eth0", make([]byte, 13)),
		`host client: send frame on eth9: find link "eth9": Link not found`: p.client.SendFrame("eth9", make([]byte, 14)),
	} {
		if errText(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestBetween(t *testing.T) {
	header := make([]byte, etherHeader-2)
	frame := func(src, dst string) []byte {
		return Datagram{Src: port(src, 1), Dst: port(dst, 2), Protocol: UDP}.Append(append(header[:12:12], 8, 0))
	}
	keep := Between(addr("10.0.0.1"), addr("10.0.0.2"))
	for _, tt := range []struct {
		frame []byte
		want  bool
	}{
		{frame("10.0.0.1", "10.0.0.2"), true},
		{frame("10.0.0.2", "10.0.0.1"), true},
		{frame("10.0.0.1", "10.0.0.3"), false},
		{append(header[:12:12], 8, 6), false},
		{nil, false},
	} {
		if got := keep(tt.frame); got != tt.want {
			t.Errorf("%x: got %t", tt.frame, got)
		}
	}
}

// TestCaptureBounds fills a capture with big packets.
func TestCaptureBounds(t *testing.T) {
	c := &Capture{more: make(chan struct{})}
	frame := make([]byte, 1<<20)
	const frames = 40
	for range frames {
		c.add(Packet{}, frame)
	}
	if c.bytes > captureBytes || len(c.Packets())+int(c.Dropped()) != frames || c.Dropped() == 0 {
		t.Errorf("%d bytes, %d packets, %d dropped", c.bytes, len(c.Packets()), c.Dropped())
	}
}

func TestCaptureSurvivesDown(t *testing.T) {
	p := newPair(t)
	c := p.client.Capture("eth0", Between(addr(client4), addr(server4)))
	p.client.Down("eth0")
	p.client.Up("eth0")
	if r := p.client.Ping(t.Context(), addr(server4)); r.Outcome != Open {
		t.Fatal(r)
	}
	if got := len(c.Stop()); got != 2 {
		t.Errorf("%d packets, want 2", got)
	}
}

// TestStopHasAllBefore floods and stops: nothing that passed may be missing.
func TestStopHasAllBefore(t *testing.T) {
	p := newPair(t)
	c := p.server.Capture("eth0", Between(addr("203.0.113.9"), addr(server4)))
	const count = 2000
	d := Datagram{Src: netip.MustParseAddrPort("203.0.113.9:1"), Dst: port(server4, 9), Protocol: 253}
	frame := append(append(append([]byte{}, p.server.MAC("eth0")...), p.client.MAC("eth0")...), 8, 0)
	frame = d.Append(frame)
	for range count {
		if err := p.client.SendFrame("eth0", frame); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(c.Stop()) + int(c.Dropped()); got != count || c.Dropped() != 0 {
		t.Errorf("%d packets, %d of them dropped, want %d", got, c.Dropped(), count)
	}
}

// TestCaptureIf has the kernel choose: of two kinds of packets one is kept.
func TestCaptureIf(t *testing.T) {
	p := newPair(t)
	const from = "203.0.113.9"
	c := p.server.CaptureIf("eth0", []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherHeader + 12, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 203<<24 | 113<<8 | 9, SkipFalse: 1},
		bpf.RetConstant{Val: maxFrame},
		bpf.RetConstant{Val: 0},
	})
	for _, src := range []string{"203.0.113.8", from, "203.0.113.10", from} {
		packet := Datagram{Src: port(src, 1), Dst: port(server4, 81), Protocol: UDP, TTL: 64, Payload: []byte("x")}
		if err := p.client.Send(packet.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c.Await(ctx, 2)
	packets := c.Stop()
	if len(packets) != 2 {
		t.Fatalf("kept %d packets, want 2", len(packets))
	}
	for _, one := range packets {
		if d, err := one.Datagram(); err != nil || d.Src.Addr().String() != from {
			t.Errorf("kept %s, %v", d, err)
		}
	}
}
