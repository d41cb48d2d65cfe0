package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var equalAddrPorts = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestParseConnections(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0102010A:0016 0902010A:9C40 01 00000000:00000000 02:000A0000 00000000     0        0 2
   2: B80D0120000002000000000001000000:0016 B80D0120000002000000000009000000:9C40 01 00000000:00000000 00:00000000 00000000     0        0 3
   3: 0000000000000000FFFF00000102010A:0016 0000000000000000FFFF00000902010A:9C41 01 00000000:00000000 00:00000000 00000000     0        0 4
`
	got := map[Connection]bool{}
	if err := parseConnections(strings.NewReader(text), got); err != nil {
		t.Fatal(err)
	}
	want := map[Connection]bool{
		{netip.MustParseAddrPort("10.1.2.1:22"), netip.MustParseAddrPort("10.1.2.9:40000")}:               true,
		{netip.MustParseAddrPort("[2001:db8:2::1]:22"), netip.MustParseAddrPort("[2001:db8:2::9]:40000")}: true,
		{netip.MustParseAddrPort("10.1.2.1:22"), netip.MustParseAddrPort("10.1.2.9:40001")}:               true,
	}
	if diff := cmp.Diff(want, got, equalAddrPorts); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"x", "0102010A", "0102010A:", "010201:0016", "0102010A:10000", "zz02010A:0016"} {
		line := "heading\n 0: " + bad + " 0902010A:9C40 01\n"
		if err := parseConnections(strings.NewReader(line), map[Connection]bool{}); err == nil {
			t.Errorf("address %q was taken", bad)
		}
	}
}

func TestParseSSH(t *testing.T) {
	for environ, want := range map[string]string{
		"HOME=/root\x00SSH_CONNECTION=10.1.2.9 40000 10.1.2.1 22\x00X=1": "10.1.2.1:22 10.1.2.9:40000",
		"SSH_CONNECTION=2001:db8:2::9 40000 2001:db8:2::1 22":            "[2001:db8:2::1]:22 [2001:db8:2::9]:40000",
		"SSH_CONNECTION=fe80::9%eth1 40000 fe80::1%eth1 22":              "[fe80::1]:22 [fe80::9]:40000",
		"SSH_CONNECTION=10.1.2.9 40000":                                  "",
		"SSH_CONNECTION=a b c d":                                         "",
		"MY_SSH_CONNECTION=10.1.2.9 40000 10.1.2.1 22":                   "",
		"": "",
	} {
		c, ok := parseSSH([]byte(environ))
		got := ""
		if ok {
			got = c.Local.String() + " " + c.Remote.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", environ, got, want)
		}
	}
}

func TestParseParent(t *testing.T) {
	for stat, want := range map[string]int32{
		"4139 (bash) S 4100 4139 4139 0": 4100,
		"7 (a ) b (c) R 6 7 7":           6,
		"1 (init) S 0 1 1":               0,
		"nonsense":                       0,
		"9 (x)":                          0,
	} {
		got, ok := parseParent(stat)
		if got != want || ok != (want != 0) {
			t.Errorf("%q: %d %v, want %d", stat, got, ok, want)
		}
	}
}
