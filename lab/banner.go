package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// banner is what a server says first: who it is, where, and whom it sees.
type banner struct {
	host     string
	at, seen netip.AddrPort
}

// append adds the banner as one line: name, own address, peer's address.
func (w banner) append(b []byte) []byte {
	b = append(b, w.host...)
	b = append(b, ' ')
	b = w.at.AppendTo(b)
	b = append(b, ' ')
	b = w.seen.AppendTo(b)
	return append(b, '\n')
}

// parseBanner reads a banner off the front of b and returns what follows.
func parseBanner(b []byte) (banner, []byte, error) {
	line, rest, ok := bytes.Cut(b, []byte{'\n'})
	if !ok {
		return banner{}, nil, fmt.Errorf("banner %q: no end of line", b)
	}
	words := strings.Split(string(line), " ")
	if len(words) != 3 || words[0] == "" {
		return banner{}, nil, fmt.Errorf("banner %q: want name, own address, peer's address", line)
	}
	at, err := netip.ParseAddrPort(words[1])
	if err != nil {
		return banner{}, nil, fmt.Errorf("banner %q: %w", line, err)
	}
	seen, err := netip.ParseAddrPort(words[2])
	if err != nil {
		return banner{}, nil, fmt.Errorf("banner %q: %w", line, err)
	}
	return banner{words[0], at, seen}, rest, nil
}

// fill notes in a result what the server said.
func (w banner) fill(r *Result) { r.Server, r.At, r.Seen = w.host, w.at, w.seen }
