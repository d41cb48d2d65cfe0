package feeds

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func addrs(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range texts {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// TestResolved is one answer after another for one name: what it holds after
// each, what is said, and when it is asked again.
func TestResolved(t *testing.T) {
	const (
		least = 30 * time.Second
		most  = time.Hour
	)
	v4 := func(ttl time.Duration, a ...string) reply {
		return reply{family: IPv4, answer: Answer{Addresses: addrs(a...), TTL: ttl}}
	}
	v6 := func(ttl time.Duration, a ...string) reply {
		return reply{family: IPv6, answer: Answer{Addresses: addrs(a...), TTL: ttl}}
	}
	fails := func(f Family, err error) reply { return reply{family: f, err: err} }
	silent := errors.New("ask 192.0.2.53: it does not answer")

	type step struct {
		at      time.Duration
		replies []reply
		want    []string
		changed bool
		next    time.Duration // 0: by failure
		says    string
	}
	tests := []struct {
		name  string
		disk  []string
		steps []step
	}{
		{"both families, the shorter TTL", nil, []step{
			{0, []reply{v4(300*time.Second, "192.0.2.1"), v6(60*time.Second, "2001:db8::1")}, []string{"192.0.2.1", "2001:db8::1"}, true, 60 * time.Second, ""},
			{60 * time.Second, []reply{v4(300*time.Second, "192.0.2.1"), v6(60*time.Second, "2001:db8::1")}, []string{"192.0.2.1", "2001:db8::1"}, false, 60 * time.Second, ""},
		}},
		{"TTL within bounds", nil, []step{
			{0, []reply{v4(0, "192.0.2.1"), v6(0)}, []string{"192.0.2.1"}, true, least, ""},
			{least, []reply{v4(100*time.Hour, "192.0.2.1"), v6(0)}, []string{"192.0.2.1"}, false, most, ""},
		}},
		{"an address stays for one more TTL", nil, []step{
			{0, []reply{v4(time.Minute, "192.0.2.1"), v6(0)}, []string{"192.0.2.1"}, true, time.Minute, ""},
			{time.Minute, []reply{v4(time.Minute, "192.0.2.2"), v6(0)}, []string{"192.0.2.1", "192.0.2.2"}, true, time.Minute, ""},
			{2 * time.Minute, []reply{v4(time.Minute, "192.0.2.2"), v6(0)}, []string{"192.0.2.2"}, true, time.Minute, ""},
		}},
		{"round robin collects", nil, []step{
			{0, []reply{v4(time.Minute, "192.0.2.1"), v6(0)}, []string{"192.0.2.1"}, true, time.Minute, ""},
			{time.Minute, []reply{v4(time.Minute, "192.0.2.2"), v6(0)}, []string{"192.0.2.1", "192.0.2.2"}, true, time.Minute, ""},
			{119 * time.Second, []reply{v4(time.Minute, "192.0.2.1"), v6(0)}, []string{"192.0.2.1", "192.0.2.2"}, false, time.Minute, ""},
		}},
		{"failure keeps", nil, []step{
			{0, []reply{v4(time.Minute, "192.0.2.1"), v6(0)}, []string{"192.0.2.1"}, true, time.Minute, ""},
			{time.Hour, []reply{fails(IPv4, silent), fails(IPv6, silent)}, []string{"192.0.2.1"}, false, 0,
				"resolve n: ask 192.0.2.53: it does not answer; ask 192.0.2.53: it does not answer: the last answer stays"},
			{2 * time.Hour, []reply{fails(IPv4, ErrNoName), fails(IPv6, ErrNoName)}, []string{"192.0.2.1"}, false, 0,
				"resolve n: no such name: the last answer stays; correct the name"},
			{3 * time.Hour, []reply{v4(0), v6(0)}, []string{"192.0.2.1"}, false, 0, "resolve n: it has no addresses"},
			{4 * time.Hour, []reply{v4(time.Minute, "192.0.2.2"), v6(0)}, []string{"192.0.2.2"}, true, time.Minute, ""},
		}},
		{"one family fails, the other goes on", nil, []step{
			{0, []reply{v4(time.Minute, "192.0.2.1"), v6(time.Minute, "2001:db8::1")}, []string{"192.0.2.1", "2001:db8::1"}, true, time.Minute, ""},
			{time.Hour, []reply{v4(time.Minute, "192.0.2.2"), fails(IPv6, silent)}, []string{"192.0.2.2", "2001:db8::1"}, true, time.Minute,
				"its other addresses are in use"},
		}},
		{"a server that denies the name for AAAA only", nil, []step{
			{0, []reply{v4(time.Minute, "192.0.2.1"), fails(IPv6, ErrNoName)}, []string{"192.0.2.1"}, true, time.Minute, ""},
		}},
		{"a blocked name has no addresses", nil, []step{
			{0, []reply{v4(time.Minute, "0.0.0.0"), v6(time.Minute, "::")}, nil, false, 0, "it has no addresses"},
		}},
		{"from disk: one more TTL after the first answer", []string{"192.0.2.9"}, []step{
			{0, []reply{fails(IPv4, silent), fails(IPv6, silent)}, []string{"192.0.2.9"}, false, 0, "the last answer stays"},
			{time.Minute, []reply{v4(time.Minute, "192.0.2.1"), v6(0)}, []string{"192.0.2.1", "192.0.2.9"}, true, time.Minute, ""},
			{2 * time.Minute, []reply{v4(time.Minute, "192.0.2.1"), v6(0)}, []string{"192.0.2.1"}, true, time.Minute, ""},
		}},
		{"the other family leaves by its own absence", nil, []step{
			{0, []reply{v4(time.Minute, "192.0.2.1"), v6(time.Minute, "2001:db8::1")}, []string{"192.0.2.1", "2001:db8::1"}, true, time.Minute, ""},
			{2 * time.Minute, []reply{v4(0), v6(time.Minute, "2001:db8::1")}, []string{"2001:db8::1"}, true, time.Minute, ""},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Date(2026, 6, 5, 12, 0, 0, 0, time.UTC)
			j := job{want: want{key: key{Name, "n"}}, known: content{leases: leases{}}}
			for _, a := range addrs(tt.disk...) {
				j.known.leases[a] = time.Time{}
			}
			for i, s := range tt.steps {
				o := resolved(j, s.replies, least, most, start.Add(s.at))
				if diff := cmp.Diff(addrs(s.want...), o.known.addresses(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
					t.Errorf("step %d: -want +got\n%s", i, diff)
				}
				if o.changed != s.changed || o.next != s.next {
					t.Errorf("step %d: changed %v, next %v, want %v, %v", i, o.changed, o.next, s.changed, s.next)
				}
				if s.says == "" != (o.err == nil) || o.err != nil && !strings.Contains(o.err.Error(), s.says) {
					t.Errorf("step %d: says %v, want %q", i, o.err, s.says)
				}
				if o.answered != (s.next != 0) || o.retry != (s.says != "") {
					t.Errorf("step %d: answered %v, retry %v", i, o.answered, o.retry)
				}
				j.known = o.known
			}
		})
	}
}
