package packetlog

import (
	"strings"
	"testing"
)

func TestFilterPicks(t *testing.T) {
	web := syn(t)
	web.Reason = Reason{Pass, CauseRule, "lan-out"}
	dns := syn(t)
	dns.Reason, dns.OutName, dns.Out = Reason{Reject, CauseLimit, "lan-dns"}, "", ""
	var err error
	if dns.Packet, err = ParsePacket(unhex(t, "6000 0000 0018 11 40"+v6To+udpDNS)); err != nil {
		t.Fatal(err)
	}
	ping := syn(t)
	ping.Reason, ping.In, ping.InName = Reason{Block, CauseSpoofed, ""}, "eth2", "dmz"
	if ping.Packet, err = ParsePacket(unhex(t, "6000 0000 0008 3a ff"+v6To+"8000 0000 0000 0000")); err != nil {
		t.Fatal(err)
	}
	odd := Entry{Prefix: "DROP "}

	for _, tc := range []struct{ words, want string }{
		{"", "web dns ping odd"},
		{"rule lan-out", "web"},
		{"rule lan-out,lan-dns", "web dns"},
		{"reason spoofed", "ping"},
		{"reason rule,limit", "web dns"},
		{"action block", "ping"},
		{"action pass,reject", "web dns"},
		{"on lan", "web dns"},
		{"on wan", "web ping"},
		{"on eth2", "ping"},
		{"on eth0,dmz", "web ping"},
		{"host 10.1.2.9", "web"},
		{"host ::ffff:198.51.100.7", "web"},
		{"net 2001:db8::/32", "dns ping"},
		{"net 0.0.0.0/0", "web"},
		{"src 2001:db8::9", "dns ping"},
		{"src 2001:db8:1::7", ""},
		{"dst 2001:db8:1::/48", "dns ping"},
		{"dst 10.1.2.9", ""},
		{"port 443", "web"},
		{"port 5353", "dns"},
		{"port 50-500", "web dns"},
		{"port 1-65535", "web dns"},
		{"proto tcp,UDP", "web dns"},
		{"proto icmp", "ping"},
		{"proto 1", ""},
		{"proto 0", ""},
		{"on lan and proto udp", "dns"},
		{"on lan proto udp action block", ""},
	} {
		f, err := ParseFilter(strings.Fields(tc.words))
		if err != nil {
			t.Errorf("%q: %v", tc.words, err)
			continue
		}
		var picked []string
		for _, c := range []struct {
			name  string
			entry Entry
		}{{"web", web}, {"dns", dns}, {"ping", ping}, {"odd", odd}} {
			if f.Match(c.entry) {
				picked = append(picked, c.name)
			}
		}
		if got := strings.Join(picked, " "); got != tc.want {
			t.Errorf("%q picks %q, want %q", tc.words, got, tc.want)
		}
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, tc := range []struct{ words, want string }{
		{"hots 10.1.2.9", `filter: "hots": want rule, reason, action, on, host, net, src, dst, port or proto`},
		{"and port 1", `filter: "and": want rule, reason, action, on, host, net, src, dst, port or proto`},
		{"port 1 and", `filter: "and": want rule, reason, action, on, host, net, src, dst, port or proto`},
		{"port 1 host", `filter: host: a value must follow`},
		{"rule lan-out,", `filter: rule: want a name`},
		{"on ,lan", `filter: on: want a name`},
		{"action drop", `filter: action: "drop": want one of pass, block, reject`},
		{"reason mood", `filter: reason: "mood": want one of rule, default, invalid, nosyn, spoofed, bogon, limit, admin, ` +
			`forward, automatic, gateway`},
		{"host fe80::1%eth0", `filter: host: "fe80::1%eth0": want an address`},
		{"net 10.0.0.1", `filter: net: "10.0.0.1": want a prefix such as 10.0.0.0/8`},
		{"src x", `filter: src: "x": want an address`},
		{"dst 10.0.0.0/33", `filter: dst: "10.0.0.0/33": want a prefix such as 10.0.0.0/8`},
		{"port 0", `filter: port: "0": want a port from 1 to 65535, or a range such as 8000-8080`},
		{"port 90-80", `filter: port: "90-80": want a port from 1 to 65535, or a range such as 8000-8080`},
		{"proto tcpp", `filter: proto: protocol "tcpp": want a name such as tcp, udp, icmp, or a number up to 255`},
	} {
		f, err := ParseFilter(strings.Fields(tc.words))
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: %v, %v, want %s", tc.words, f, err, tc.want)
		}
	}
}

func TestEmptyTermPicksNothing(t *testing.T) {
	terms := []Term{Rules{}, Causes{}, Actions{}, Interfaces{}, Protos{}, Hosts{}, Sources{}, Destinations{}, Ports{}}
	for _, term := range terms {
		if (Filter{term}).Match(syn(t)) {
			t.Errorf("%T without members picks an entry", term)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add("rule lan-out and host 10.1.2.9 port 80-90,443 reason default")
	f.Add("net ::/0 proto icmp src ::ffff:1.2.3.4 on lan action block")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		filter, err := ParseFilter(words)
		if err != nil && filter != nil {
			t.Errorf("%q: both %v and %v", line, filter, err)
		}
		if err == nil && len(words) < 2*len(filter) {
			t.Errorf("%q: %d terms", line, len(filter))
		}
		filter.Match(Entry{})
	})
}
