package lab

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// ICMP types of the echo, RFC 792 and RFC 4443.
const (
	echoRequest, echoReply   = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// echoHeader is the length of an ICMP echo before its payload.
const echoHeader = 8

// Ping sends one ICMP or ICMPv6 echo request to dst, and is Open when the reply comes. The port of
// From, unless zero, is its identifier.
func (h *Host) Ping(ctx context.Context, dst netip.Addr, opts ...Option) Result {
	p, err := h.newProbe(netip.AddrPortFrom(dst, 0), opts)
	if err != nil {
		return Result{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	proto, ask, reply := unix.IPPROTO_ICMP, byte(echoRequest), byte(echoReply)
	if dst.Is6() {
		proto, ask, reply = unix.IPPROTO_ICMPV6, echoRequest6, echoReply6
	}
	s, err := h.open(ctx, p, unix.SOCK_DGRAM, proto)
	if err != nil {
		return Result{Err: err}
	}
	defer s.Close()
	if err := s.connect(sockaddr(p.dst)); err != nil {
		return s.judge(err)
	}
	// The kernel fills in checksum and identifier, and passes only our replies up.
	nonce := rand.Uint64()
	request := make([]byte, echoHeader+max(p.size, 8))
	request[0] = ask
	binary.BigEndian.PutUint64(request[echoHeader:], nonce)
	start := time.Now()
	r := s.judge(s.exchange(request, func(answer []byte) bool {
		return len(answer) == len(request) && answer[0] == reply &&
			binary.BigEndian.Uint64(answer[echoHeader:]) == nonce
	}))
	r.From, r.Took = s.local(), time.Since(start)
	return r
}
