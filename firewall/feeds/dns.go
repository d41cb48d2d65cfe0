package feeds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	askTimeout = 3 * time.Second
	askRounds  = 2  // how often all servers are asked in turn
	maxAliases = 8  // CNAME records followed from answer to answer
	maxChain   = 16 // and within one
)

// DNS is the Resolver over name servers. The zero value asks those of
// /etc/resolv.conf, which is read again for each name. Names are absolute: the
// search domains of that file play no part.
type DNS struct {
	// ResolvConf is read in place of /etc/resolv.conf.
	ResolvConf string
	// Servers are asked in place of those that the file names.
	Servers []netip.AddrPort
	// Timeout is for one question to one server; 0: 3 seconds.
	Timeout time.Duration
}

// Lookup asks one server after the other until one gives an answer, and follows CNAME records.
func (d *DNS) Lookup(ctx context.Context, name string, f Family) (Answer, error) {
	servers, err := d.servers()
	if err != nil {
		return Answer{}, err
	}
	owner := dns.CanonicalName(name)
	ttl := time.Duration(1<<31) * time.Second
	for range maxAliases {
		m, err := d.ask(ctx, servers, question(owner, f))
		if err != nil {
			return Answer{}, err
		}
		link := follow(m.Answer, owner, f)
		ttl = min(ttl, link.ttl)
		switch {
		case len(link.addresses) > 0:
			return Answer{Addresses: link.addresses, TTL: ttl}, nil
		case m.Rcode == dns.RcodeNameError:
			return Answer{}, ErrNoName
		case link.end == owner:
			return Answer{}, nil
		}
		owner = link.end
	}
	return Answer{}, fmt.Errorf("more than %d aliases (CNAME) after each other", maxAliases)
}

func question(owner string, f Family) *dns.Msg {
	qtype := dns.TypeA
	if f == IPv6 {
		qtype = dns.TypeAAAA
	}
	// Without EDNS any server understands; what does not fit comes over TCP.
	return new(dns.Msg).SetQuestion(owner, qtype)
}

// link is where the records of one answer lead.
type link struct {
	end       string // the name after the last CNAME
	addresses []netip.Addr
	ttl       time.Duration
}

// follow goes along the CNAME records of an answer, which come in any order,
// and takes only the addresses of the name that they end at.
func follow(records []dns.RR, owner string, f Family) link {
	l := link{end: owner, ttl: time.Duration(1<<31) * time.Second}
	for range maxChain {
		next := ""
		for _, rr := range records {
			if dns.CanonicalName(rr.Header().Name) != l.end {
				continue
			}
			a, ok := address(rr)
			cname, isAlias := rr.(*dns.CNAME)
			switch {
			case ok && f.has(a):
				l.addresses = append(l.addresses, a)
			case isAlias:
				next = dns.CanonicalName(cname.Target)
			default:
				continue
			}
			l.ttl = min(l.ttl, time.Duration(rr.Header().Ttl)*time.Second)
		}
		if next == "" || len(l.addresses) > 0 {
			break
		}
		l.end = next
	}
	return l
}

func address(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(rr.A)
		return a.Unmap(), ok
	case *dns.AAAA:
		a, ok := netip.AddrFromSlice(rr.AAAA)
		return a, ok && !a.Is4In6()
	}
	return netip.Addr{}, false
}

// ask puts a question to one server after the other, twice.
func (d *DNS) ask(ctx context.Context, servers []string, q *dns.Msg) (*dns.Msg, error) {
	var failed faults
	for range askRounds {
		failed = nil
		for _, s := range servers {
			m, err := d.exchange(ctx, s, q)
			if err == nil {
				return m, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			failed = append(failed, fmt.Errorf("ask %s for %s: %w", s, dns.TypeToString[q.Question[0].Qtype], err))
		}
	}
	return nil, fmt.Errorf("%w: check that these name servers answer", failed)
}

func (d *DNS) exchange(ctx context.Context, server string, q *dns.Msg) (*dns.Msg, error) {
	m, err := d.send(ctx, "udp", server, q)
	if err == nil && m.Truncated {
		m, err = d.send(ctx, "tcp", server, q)
	}
	if err != nil {
		return nil, err
	}
	return m, judgeAnswer(m, q)
}

// judgeAnswer says why an answer is none.
func judgeAnswer(m, q *dns.Msg) error {
	switch {
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return fmt.Errorf("it says %s", dns.RcodeToString[m.Rcode])
	case !m.Response || len(m.Question) != 1 ||
		!strings.EqualFold(m.Question[0].Name, q.Question[0].Name) || m.Question[0].Qtype != q.Question[0].Qtype:
		return errors.New("it answers another question")
	case m.Truncated:
		return errors.New("its answer is cut off even over TCP")
	}
	return nil
}

// send is one question and its answer. The library heeds the deadline of a
// context but not its end, so the connection is closed under it.
func (d *DNS) send(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	timeout := d.Timeout
	if timeout == 0 {
		timeout = askTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := dns.Client{Net: network, Timeout: timeout}
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	q = q.Copy()
	q.Id = dns.Id()
	m, _, err := c.ExchangeWithConnContext(ctx, q, conn)
	var fault *net.OpError
	switch {
	case ctx.Err() != nil, errors.As(err, &fault) && fault.Timeout():
		return nil, errors.New("it does not answer")
	case fault != nil:
		return nil, fault.Err // without the ports of this one question
	}
	return m, err
}

// servers are the addresses to ask, in order.
func (d *DNS) servers() ([]string, error) {
	var servers []string
	for _, s := range d.Servers {
		servers = append(servers, s.String())
	}
	if len(servers) > 0 {
		return servers, nil
	}
	path := d.ResolvConf
	if path == "" {
		path = "/etc/resolv.conf"
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("find name servers: %w", err)
	}
	defer f.Close()
	conf, err := dns.ClientConfigFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("find name servers: read %s: %w", path, err)
	}
	if len(conf.Servers) == 0 {
		return nil, fmt.Errorf("find name servers: %s names none: add a line such as \"nameserver 192.0.2.53\"", path)
	}
	for _, s := range conf.Servers {
		servers = append(servers, net.JoinHostPort(s, strconv.Itoa(53)))
	}
	return servers, nil
}
