package links

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
)

func serialized(data []nl.NetlinkRequestData) []byte {
	var b []byte
	for _, d := range data {
		b = append(b, d.Serialize()...)
	}
	return b
}

func TestRuleMessage(t *testing.T) {
	for _, want := range []Rule{
		{Priority: 8201, Mark: 0x10000, Mask: 0xff0000, Table: 82001},
		{Priority: 8201, Is6: true, Mask: 0xff0000, Table: 82001},
		{Priority: 8500, NoDefault: true, Table: 254},
		{Priority: 0, From: prefixes("10.1.2.0/28")[0], Table: 82001},
		{Priority: 1<<32 - 1, Is6: true, From: prefixes("2001:db8::/64")[0], Table: 1<<32 - 1, NoDefault: true},
	} {
		m := serialized(ruleMessage(want))
		got, protocol, err := parseRule(m)
		if d := cmp.Diff(want, got, sameAddresses); d != "" || protocol != Protocol || err != nil {
			t.Errorf("%s: protocol %d, %v (-want +got):\n%s", want, protocol, err, d)
		}
		for n := range len(m) - 3 { // the last attribute is padded
			if got, protocol, err := parseRule(m[:n]); err == nil && protocol == Protocol && got == want {
				t.Errorf("%s: whole after %d of %d bytes", want, n, len(m))
			}
		}
	}
}

func TestProxyMessage(t *testing.T) {
	for _, text := range []string{"203.0.113.5", "2001:db8::5"} {
		want := netip.MustParseAddr(text)
		m := serialized(proxyMessage(want, 70000))
		got, index, err := parseProxy(m)
		if got.Address != want || !got.Ours || index != 70000 || err != nil {
			t.Errorf("%v, index %d, %v", got, index, err)
		}
		for n := range len(m) - 3 { // the last attribute is padded
			if got, _, err := parseProxy(m[:n]); err == nil && got.Ours {
				t.Errorf("%s: whole after %d of %d bytes", want, n, len(m))
			}
		}
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add(serialized(ruleMessage(Rule{Priority: 8201, Mark: 0x10000, Mask: 0xff0000, From: prefixes("10.1.2.0/28")[0], Table: 82001, NoDefault: true})))
	f.Fuzz(func(t *testing.T, m []byte) {
		r, _, err := parseRule(m)
		if err == nil {
			_ = r.canonical().String()
		}
	})
}

func FuzzParseProxy(f *testing.F) {
	f.Add(serialized(proxyMessage(netip.MustParseAddr("2001:db8::5"), 3)))
	f.Fuzz(func(_ *testing.T, m []byte) {
		if p, _, err := parseProxy(m); err == nil {
			_ = p.String()
		}
	})
}
