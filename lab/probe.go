package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Outcome is what became of a probe.
type Outcome int

// The outcomes of a probe.
const (
	// Failed: it never left the host, for Result.Err.
	Failed Outcome = iota
	// Open: it was answered.
	Open
	// Refused: TCP was answered with a reset.
	Refused
	// Unreachable: an ICMP error came back, Result.ICMP.
	Unreachable
	// Timeout: nothing came back in time.
	Timeout
)

// String is the outcome's name in lower case.
func (o Outcome) String() string {
	switch o {
	case Failed:
		return "failed"
	case Open:
		return "open"
	case Refused:
		return "refused"
	case Unreachable:
		return "unreachable"
	case Timeout:
		return "timeout"
	}
	return fmt.Sprintf("outcome %d", int(o))
}

// Result is what a probe has learned.
type Result struct {
	Outcome Outcome
	// Server, At and Seen are what a server of this package said: its host's name, its own address,
	// and the address that it saw the probe come from. All are zero if it said nothing.
	Server string
	At     netip.AddrPort
	Seen   netip.AddrPort
	// From is the address that the probe left the host with. For a ping the port is its identifier.
	From netip.AddrPort
	// ICMP is the error of an Unreachable.
	ICMP ICMP
	// Err is the cause of a Failed.
	Err error
	// Took is the time from the first packet to the answer, or to giving up.
	Took time.Duration
}

// String is the outcome with its details: "open: web at 10.0.0.2:80 saw 198.51.100.1:40000".
func (r Result) String() string {
	switch {
	case r.Outcome == Open && r.Server != "":
		return fmt.Sprintf("open: %s at %s saw %s", r.Server, r.At, r.Seen)
	case r.Outcome == Unreachable:
		return "unreachable: " + r.ICMP.String()
	case r.Outcome == Failed:
		return fmt.Sprintf("failed: %v", r.Err)
	}
	return r.Outcome.String()
}

// Option changes a probe.
type Option func(*probe)

// probe is how to ask.
type probe struct {
	dst    netip.AddrPort
	from   netip.AddrPort
	within time.Duration
	size   int
}

// From sends the probe from an address of the host, and from a port unless that is zero.
func From(a netip.AddrPort) Option { return func(p *probe) { p.from = a } }

// Within waits at most d for the answer, instead of one second.
func Within(d time.Duration) Option { return func(p *probe) { p.within = d } }

// Size sets the payload of a UDP probe, a ping or a stream, in bytes. Less than they need to know
// their own answers is more.
func Size(bytes int) Option { return func(p *probe) { p.size = bytes } }

// newProbe settles the options, with zones as this host's indices.
func (h *Host) newProbe(dst netip.AddrPort, opts []Option) (probe, error) {
	p := probe{within: time.Second}
	for _, o := range opts {
		o(&p)
	}
	var derr, ferr error
	p.dst, derr = h.scoped(dst)
	p.from, ferr = h.scoped(p.from)
	return p, errors.Join(derr, ferr)
}

// open opens a socket of the probe's family that reports ICMP errors, bound as the probe wants.
func (h *Host) open(ctx context.Context, p probe, typ, proto int) (*socket, error) {
	if !p.dst.Addr().IsValid() {
		return nil, errors.New("no destination")
	}
	domain := unix.AF_INET
	if p.dst.Addr().Is6() {
		domain = unix.AF_INET6
	}
	s, err := h.socket(ctx, domain, typ, proto)
	if err != nil {
		return nil, err
	}
	err = s.wantICMP(p.dst.Addr().Is6())
	if err == nil && p.from.IsValid() {
		err = s.control(func(fd int) error { return unix.Bind(fd, sockaddr(p.from)) })
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// judge turns the error of a call on a probe's socket into a result.
func (s *socket) judge(err error) Result {
	if err == nil {
		return Result{Outcome: Open}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Result{Outcome: Timeout}
	}
	if m, ok := s.takeICMP(); ok {
		return Result{Outcome: Unreachable, ICMP: m}
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		return Result{Outcome: Refused}
	}
	return Result{Outcome: Failed, Err: err}
}

// exchange sends one datagram on a connected socket and hands answers to accept until it takes one.
func (s *socket) exchange(request []byte, accept func(answer []byte) bool) error {
	if err := s.send(request); err != nil {
		return err
	}
	buf := make([]byte, maxDatagram)
	for {
		n, err := s.recv(buf)
		if err != nil {
			return err
		}
		if accept(buf[:n]) {
			return nil
		}
	}
}
