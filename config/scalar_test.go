package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		back string
	}{
		{"90s", 90 * time.Second, "90s"},
		{"5m", 5 * time.Minute, "5m"},
		{"24h", 24 * time.Hour, "1d"},
		{"7d", 7 * 24 * time.Hour, "7d"},
		{"1h30m", 90 * time.Minute, "90m"},
		{"100ms", 100 * time.Millisecond, "100ms"},
		{"1500ms", 1500 * time.Millisecond, "1500ms"},
		{"0s", 0, "0s"},
		{"3650d", 3650 * 24 * time.Hour, "3650d"},
	} {
		got, err := ParseDuration(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if back := FormatDuration(got); back != tt.back {
			t.Errorf("FormatDuration(%v) = %q, want %q", got, back, tt.back)
		}
	}
	for _, text := range []string{"", "5", "s", "5x", "5m ", "-5m", "+5m", "1.5h", "5us", "m5", "3651d", "3650d1ms", "9223372036854775807d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want a fault", text, got)
		}
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"30/10s": {30, 10 * time.Second},
		"15/5s":  {15, 5 * time.Second},
		"1/1m":   {1, time.Minute},
	} {
		got, err := parseRate(text)
		if err != nil || got != want {
			t.Errorf("parseRate(%q) = %v, %v, want %v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%v prints as %q, want %q", want, got, text)
		}
	}
	for _, text := range []string{"", "/", "30", "30/", "/10s", "-1/10s", "+1/10s", "1.5/10s", "0/10s", "1/999ms", "1/2d", "99999999999/1s"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("parseRate(%q) = %v, want a fault", text, got)
		}
	}
}

func TestBits(t *testing.T) {
	for _, tt := range []struct {
		text string
		want uint64
		back string
	}{
		{"20Mbit", 20e6, "20Mbit"},
		{"1.5Mbit", 1.5e6, "1500kbit"},
		{"64kbit", 64e3, "64kbit"},
		{"1Gbit", 1e9, "1Gbit"},
		{"1234bit", 1234, "1234bit"},
	} {
		got, err := ParseBits(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseBits(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if back := FormatBits(got); back != tt.back {
			t.Errorf("FormatBits(%d) = %q, want %q", got, back, tt.back)
		}
	}
	for _, text := range []string{"", "Mbit", "20", "20MB", "20mbit", "-1Mbit", "1e3Mbit", "0x10Mbit", "1 Mbit", "InfMbit", "NaNbit", "999bit", "10001Gbit", "."} {
		if got, err := ParseBits(text); err == nil {
			t.Errorf("ParseBits(%q) = %v, want a fault", text, got)
		}
	}
}

func TestAddressTerm(t *testing.T) {
	for text, want := range map[string]AddressTerm{
		"any":                     {Kind: TermAny},
		"self":                    {Kind: TermSelf},
		"!self":                   {Kind: TermSelf, Exclude: true},
		"@web":                    {Kind: TermAlias, Name: "web"},
		"!@web":                   {Kind: TermAlias, Name: "web", Exclude: true},
		"lan:network":             {Kind: TermNetwork, Name: "lan"},
		"!lan:address":            {Kind: TermAddress, Name: "lan", Exclude: true},
		"deb.example.org":         {Kind: TermDomain, Name: "deb.example.org"},
		"10.1.2.3":                {Kind: TermRange, Range: Range{addr("10.1.2.3"), addr("10.1.2.3")}},
		"!10.1.2.0/24":            {Kind: TermRange, Range: Range{addr("10.1.2.0"), addr("10.1.2.255")}, Exclude: true},
		"0.0.0.0/0":               {Kind: TermRange, Range: Range{addr("0.0.0.0"), addr("255.255.255.255")}},
		"10.1.2.3-10.1.2.9":       {Kind: TermRange, Range: Range{addr("10.1.2.3"), addr("10.1.2.9")}},
		"2001:db8::/64":           {Kind: TermRange, Range: Range{addr("2001:db8::"), addr("2001:db8::ffff:ffff:ffff:ffff")}},
		"2001:db8::1":             {Kind: TermRange, Range: Range{addr("2001:db8::1"), addr("2001:db8::1")}},
		"2001:db8::1-2001:db8::9": {Kind: TermRange, Range: Range{addr("2001:db8::1"), addr("2001:db8::9")}},
	} {
		got, err := ParseAddressTerm(text)
		if err != nil {
			t.Errorf("ParseAddressTerm(%q): %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("ParseAddressTerm(%q) (-want +got):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("%q prints as %q", text, got)
		}
	}
}

func TestRangePrintsAsShortAsItIs(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3-10.1.2.3":                           "10.1.2.3",
		"10.1.2.3/32":                                 "10.1.2.3",
		"10.1.2.0-10.1.2.255":                         "10.1.2.0/24",
		"10.1.2.0-10.1.2.254":                         "10.1.2.0-10.1.2.254",
		"2001:DB8::-2001:db8:0:0:ffff:ffff:ffff:ffff": "2001:db8::/64",
	} {
		r, err := ParseRange(text)
		if err != nil || r.String() != want {
			t.Errorf("ParseRange(%q) = %v, %v, want %s", text, r, err, want)
		}
	}
}

func TestRangeContains(t *testing.T) {
	r := Range{addr("10.1.2.3"), addr("10.1.2.9")}
	for text, want := range map[string]bool{
		"10.1.2.2": false, "10.1.2.3": true, "10.1.2.9": true, "10.1.2.10": false, "::a01:203": false,
	} {
		if got := r.Contains(addr(text)); got != want {
			t.Errorf("%v contains %s: %v, want %v", r, text, got, want)
		}
	}
}

func TestPortTerm(t *testing.T) {
	for text, want := range map[string]PortTerm{
		"80":        {Range: PortRange{80, 80}},
		"!80":       {Range: PortRange{80, 80}, Exclude: true},
		"8000-8080": {Range: PortRange{8000, 8080}},
		"1-65535":   {Range: PortRange{1, 65535}},
		"@web":      {Alias: "web"},
		"!@web":     {Alias: "web", Exclude: true},
	} {
		got, err := ParsePortTerm(text)
		if err != nil || got != want {
			t.Errorf("ParsePortTerm(%q) = %+v, %v, want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q prints as %q", text, got)
		}
	}
	for name, want := range map[string]uint16{"domain": 53, "https": 443, "ssh": 22, "ms-wbt-server": 3389, "x11-1": 6001} {
		if got, err := ParsePortTerm(name); err != nil || got.Range != (PortRange{want, want}) {
			t.Errorf("ParsePortTerm(%q) = %v, %v, want %d", name, got, err, want)
		}
	}
}

func TestServices(t *testing.T) {
	if !slices.IsSortedFunc(services[:], func(a, b service) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the services are not sorted by name: binary search misses some")
	}
	printed := make(map[uint16]string)
	for _, s := range services {
		if port, ok := ServicePort(s.name); !ok || port != s.port {
			t.Errorf("ServicePort(%q) = %d, %v, want %d", s.name, port, ok, s.port)
		}
		if s.also {
			continue
		}
		if other := printed[s.port]; other != "" {
			t.Errorf("port %d is printed as %q and as %q", s.port, other, s.name)
		}
		printed[s.port] = s.name
		if name, ok := ServiceName(s.port); !ok || name != s.name {
			t.Errorf("ServiceName(%d) = %q, %v, want %q", s.port, name, ok, s.name)
		}
	}
	for _, s := range services {
		if printed[s.port] == "" {
			t.Errorf("port %d of %q has no name that is printed", s.port, s.name)
		}
	}
	if name, ok := ServiceName(4); ok {
		t.Errorf("port 4 has the name %q", name)
	}
}

func TestProtocol(t *testing.T) {
	for n := range 256 {
		p := Protocol(n)
		if got, err := ParseProtocol(p.String()); err != nil || got != p {
			t.Errorf("protocol %d prints as %q, which reads as %d, %v", n, p, got, err)
		}
	}
	for text, want := range map[string]Protocol{"tcp": TCP, "icmpv6": ICMPv6, "ipv6-icmp": ICMPv6, "47": 47, "carp": 112} {
		if got, err := ParseProtocol(text); err != nil || got != want {
			t.Errorf("ParseProtocol(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, p := range []Protocol{TCP, UDP, DCCP, SCTP, UDPLite} {
		if !p.HasPorts() {
			t.Errorf("%v has no ports", p)
		}
	}
	if ICMP.HasPorts() {
		t.Error("icmp has ports")
	}
}

func TestICMPType(t *testing.T) {
	for _, p := range []Protocol{ICMP, ICMPv6} {
		for typ := range 256 {
			for _, code := range []int{-1, 0, 1, 3, 4, 13, 255} {
				want := ICMPType{p, uint8(typ), code}
				if got, err := ParseICMPType(p, want.String()); err != nil || got != want {
					t.Errorf("%v type %d code %d prints as %q, which reads as %v, %v", p, typ, code, want, got, err)
				}
			}
		}
	}
	for text, want := range map[string]ICMPType{
		"echo-request":              {ICMP, 8, -1},
		"8":                         {ICMP, 8, -1},
		"3/4":                       {ICMP, 3, 4},
		"destination-unreachable/1": {ICMP, 3, 1},
		"port-unreachable":          {ICMP, 3, 3},
	} {
		if got, err := ParseICMPType(ICMP, text); err != nil || got != want {
			t.Errorf("ParseICMPType(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := ParseICMPType(ICMPv6, "echo-request"); err != nil || got.Type != 128 {
		t.Errorf("ICMPv6 echo-request = %v, %v, want 128", got, err)
	}
}

func TestTCPFlags(t *testing.T) {
	for mask := range 256 {
		for value := range 256 {
			if value&^mask != 0 {
				continue
			}
			want := TCPFlags{uint8(mask), uint8(value)}
			var got TCPFlags
			for _, item := range strings.Fields(want.String()) {
				if err := got.add(item); err != nil {
					t.Fatalf("%v: %v", want, err)
				}
			}
			if got != want {
				t.Fatalf("%+v prints as %q, which reads as %+v", want, want, got)
			}
		}
	}
	f := TCPFlags{}
	for _, item := range []string{"syn", "!ack"} {
		if err := f.add(item); err != nil {
			t.Fatal(err)
		}
	}
	if f != (TCPFlags{Mask: 0x12, Value: 0x02}) {
		t.Errorf("syn !ack = %#v, want mask 0x12 and value 0x02 (RFC 9293)", f)
	}
}

func TestSpan(t *testing.T) {
	christmas := &DateSpan{Date{0, 12, 24}, Date{0, 12, 26}}
	for text, want := range map[string]Span{
		"mon-fri 08:00-18:30":              {Days: 0b0111110, From: 8 * 60, To: 18*60 + 30},
		"sat 09:00-12:00":                  {Days: 1 << time.Saturday, From: 9 * 60, To: 12 * 60},
		"mon,wed,fri-sun":                  {Days: 0b1101011, To: 1440},
		"22:00-02:00":                      {From: 22 * 60, To: 2 * 60},
		"00:00-24:00":                      {To: 1440},
		"12-24..12-26":                     {Dates: christmas, To: 1440},
		"2026-12-24 08:00-12:00":           {Dates: &DateSpan{Date{2026, 12, 24}, Date{2026, 12, 24}}, From: 8 * 60, To: 12 * 60},
		"mon-fri 2026-06-01..2026-08-31":   {Days: 0b0111110, Dates: &DateSpan{Date{2026, 6, 1}, Date{2026, 8, 31}}, To: 1440},
		"mon-fri 12-24..12-26 18:00-24:00": {Days: 0b0111110, Dates: christmas, From: 18 * 60, To: 1440},
		"02-29":                            {Dates: &DateSpan{Date{0, 2, 29}, Date{0, 2, 29}}, To: 1440},
		"12-27..01-05":                     {Dates: &DateSpan{Date{0, 12, 27}, Date{0, 1, 5}}, To: 1440},
		"fri 2026-12-25":                   {Days: 1 << time.Friday, Dates: &DateSpan{Date{2026, 12, 25}, Date{2026, 12, 25}}, To: 1440},
	} {
		got, err := ParseSpan(text)
		if err != nil {
			t.Errorf("ParseSpan(%q): %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseSpan(%q) (-want +got):\n%s", text, diff)
		}
		again, err := ParseSpan(got.String())
		if err != nil || !cmp.Equal(got, again) {
			t.Errorf("%q prints as %q, which reads as %v, %v", text, got, again, err)
		}
	}
	if got, _ := ParseSpan("fri-mon"); got.Days != 1<<time.Friday|1<<time.Saturday|1<<time.Sunday|1<<time.Monday {
		t.Errorf("fri-mon = %07b", got.Days)
	}
}

func TestSpanOfEveryDaySetRoundTrips(t *testing.T) {
	for days := 1; days < 128; days++ {
		want := Span{Days: uint8(days), To: 1440}
		got, err := ParseSpan(want.String())
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("days %07b print as %q, which reads as %v, %v", days, want, got, err)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		got  interface{ String() string }
		want string
	}{
		{Pass, "pass"}, {Block, "block"}, {Reject, "reject"}, {Action(0), "(0)"},
		{NATAutomatic, "automatic"}, {NATHybrid, "hybrid"}, {NATManual, "manual"}, {NATOff, "off"},
		{OnDownNext, "next"}, {OnDownBlock, "block"}, {OnDownDefaultRoute, "default-route"},
		{AliasAddresses, "addresses"}, {AliasPorts, "ports"}, {AliasList, "list"}, {AliasDynamic, "dynamic"},
		{TermAny, "any"}, {TermRange, "range"}, {TermAlias, "alias"}, {TermNetwork, "network"},
		{TermAddress, "address"}, {TermSelf, "self"}, {TermDomain, "domain"},
		{PlaceAny, "any"}, {PlaceInterface, "interface"}, {PlaceZone, "zone"}, {PlaceSelf, "self"},
		{Place{}, "any"}, {Place{PlaceSelf, ""}, "self"}, {Place{PlaceZone, "inside"}, "inside"},
		{Rate{}, ""}, {Position{"a.toml", 3, 7}, "a.toml:3:7"},
		{inet4, "IPv4"}, {inet4 | inet6, "IPv4 and IPv6"},
	} {
		if got := tt.got.String(); got != tt.want {
			t.Errorf("%#v prints as %q, want %q", tt.got, got, tt.want)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"dmz", "lan", "wan", "inside", "guests"}
	for name, want := range map[string]string{
		"dmx":    `; did you mean "dmz"?`,
		"DMZ":    `; did you mean "dmz"?`,
		"insdie": `; did you mean "inside"?`,
		"guest":  `; did you mean "guests"?`,
		"office": "; there is dmz, guests, inside, lan, wan",
	} {
		if got := suggest(name, known); got != want {
			t.Errorf("suggest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := suggest("x", nil); got != "" {
		t.Errorf("nothing to suggest, but %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "abd", 1},
		{"abc", "acb", 1}, {"kitten", "sitting", 3}, {"abcd", "badc", 2}, {"abcdef", "ghijkl", 5},
	} {
		if got := distance(tt.a, tt.b, 5); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a, 5); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
