package gateways

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

var errOtherAnswer = errors.New("it answers another question")

// query is a DNS question, RFC 1035 section 4. Any answer to it shows that its
// server lives, so the type asked for is of no importance.
type query struct {
	id   uint16
	name string
}

// append adds the question in wire form.
func (q query) append(b []byte) ([]byte, error) {
	m := new(dns.Msg).SetQuestion(q.name, dns.TypeA)
	m.Id = q.id
	wire, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", q.name, err)
	}
	return append(b, wire...), nil
}

// answeredBy is nil when b is an answer to this very question.
func (q query) answeredBy(b []byte) error {
	var m dns.Msg
	if err := m.Unpack(b); err != nil {
		return err
	}
	if !m.Response || m.Id != q.id || len(m.Question) != 1 {
		return errOtherAnswer
	}
	asked := m.Question[0]
	if asked.Qtype != dns.TypeA || asked.Qclass != dns.ClassINET || !strings.EqualFold(asked.Name, q.name) {
		return errOtherAnswer
	}
	return nil
}
