package gateways

import (
	"testing"

	"github.com/miekg/dns"
)

func TestQuery(t *testing.T) {
	q := query{id: 0xbeef, name: "example.org."}
	wire, err := q.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(change func(*dns.Msg)) []byte {
		var asked dns.Msg
		if err := asked.Unpack(wire); err != nil {
			t.Fatal(err)
		}
		m := new(dns.Msg).SetReply(&asked)
		change(m)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	record := &dns.A{
		Hdr: dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
		A:   []byte{192, 0, 2, 1},
	}
	full := answer(func(m *dns.Msg) { m.Answer = append(m.Answer, record) })
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"an address", full, true},
		{"no such name", answer(func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }), true},
		{"refused", answer(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }), true},
		{"cut off", answer(func(m *dns.Msg) { m.Truncated = true }), true},
		{"letters of another case", answer(func(m *dns.Msg) { m.Question[0].Name = "EXAMPLE.org." }), true},
		{"our own question", wire, false},
		{"another identifier", answer(func(m *dns.Msg) { m.Id++ }), false},
		{"another name", answer(func(m *dns.Msg) { m.Question[0].Name = "example.com." }), false},
		{"another type", answer(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }), false},
		{"another class", answer(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), false},
		{"no question", answer(func(m *dns.Msg) { m.Question = nil }), false},
		{"two questions", answer(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), false},
		{"nothing", nil, false},
	} {
		if err := q.answeredBy(c.b); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for n := range full {
		// The library passes over records that are missing altogether.
		if err := q.answeredBy(full[:n]); err == nil && n != len(wire) {
			t.Errorf("the first %d bytes are an answer", n)
		}
	}
}

func TestQueryOfNoName(t *testing.T) {
	if wire, err := (query{1, "a..b."}).append(nil); err == nil {
		t.Errorf("%x", wire)
	}
}

func FuzzAnswer(f *testing.F) {
	q := query{1, "example.org."}
	wire, err := q.append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(dnsAnswer(wire))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q.answeredBy(b) != nil {
			return
		}
		if other := (query{2, "example.org."}); other.answeredBy(b) == nil {
			t.Errorf("%x answers two questions", b)
		}
	})
}
