package vmac

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestCompile(t *testing.T) {
	lan := Wanted{Device: "lan", Hosts: []Virtual{{VHID: 7, Addresses: []netip.Addr{
		addr("fe80::1%lan"), addr("10.0.0.1"), addr("fd00::1"), addr("::ffff:10.0.0.9"),
	}}}}
	for _, tt := range []struct {
		name   string
		wanted []Wanted
	}{
		{"nothing", []Wanted{{Device: "lan"}}},
		{"one-host", []Wanted{lan}},
		{"leaving", []Wanted{{Device: "lan", Hosts: []Virtual{{VHID: 7, Addresses: lan.Hosts[0].Addresses, Leaving: true}}}}},
		{"two-hosts", []Wanted{
			lan,
			{Device: "eth0.12", Hosts: []Virtual{
				{VHID: 200, Addresses: []netip.Addr{addr("192.0.2.1")}},
				{VHID: 3, Addresses: []netip.Addr{addr("2001:db8::1")}},
			}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			devs, err := devices(tt.wanted)
			check(t, err)
			got, file := compile(devs).String(), filepath.Join("testdata", tt.name+".nft")
			if *update {
				check(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			check(t, err)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrder compiles the same from what is wanted in another order.
func TestOrder(t *testing.T) {
	a := Virtual{VHID: 1, Addresses: []netip.Addr{addr("10.0.0.1"), addr("fd00::1")}}
	b := Virtual{VHID: 2, Addresses: []netip.Addr{addr("10.0.0.2")}}
	mirrored := Virtual{VHID: 1, Addresses: []netip.Addr{addr("fd00::1"), addr("10.0.0.1")}}
	one, err := devices([]Wanted{{"x", []Virtual{a, b}}, {"y", []Virtual{a}}})
	check(t, err)
	two, err := devices([]Wanted{{"y", []Virtual{mirrored}}, {"x", []Virtual{b, mirrored}}})
	check(t, err)
	if diff := cmp.Diff(compile(one).String(), compile(two).String()); diff != "" {
		t.Errorf("(-one +other):\n%s", diff)
	}
}

func TestContradictions(t *testing.T) {
	ten := []netip.Addr{addr("10.0.0.1")}
	for _, tt := range []struct {
		name   string
		wanted []Wanted
		want   string
	}{
		{"device twice", []Wanted{{"lan", []Virtual{{VHID: 1}}}, {"lan", []Virtual{{VHID: 2}}}}, "device lan: named twice"},
		{"vhid twice", []Wanted{{"lan", []Virtual{{VHID: 1}, {VHID: 1}}}}, "device lan: vhid 1: want 1 to 255, each once"},
		{"vhid 0", []Wanted{{"lan", []Virtual{{VHID: 0}}}}, "device lan: vhid 0: want 1 to 255, each once"},
		{"address twice", []Wanted{{"lan", []Virtual{{VHID: 1, Addresses: ten}, {VHID: 2, Addresses: ten}}}}, "device lan: vhid 2: address 10.0.0.1: want each once"},
		{"no address", []Wanted{{"lan", []Virtual{{VHID: 1, Addresses: []netip.Addr{{}}}}}}, "device lan: vhid 1: address invalid IP: want each once"},
	} {
		if _, err := devices(tt.wanted); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestFeatureVerdict(t *testing.T) {
	for _, tt := range []struct {
		feature feature
		err     error
		want    string
	}{
		{arrivals, nil, "<nil>"},
		{arrivals, syscall.EAFNOSUPPORT, "this kernel has no chains of nft on a device: it needs CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_INGRESS"},
		{departures, fmt.Errorf("conn.Receive: %w", syscall.EOPNOTSUPP),
			"this kernel has no chains of nft where frames leave a device: they came with Linux 5.16 and need CONFIG_NETFILTER_EGRESS"},
		{sources, syscall.ENOENT, "this kernel has no way for chains on a device to tell what it forwards: it needs CONFIG_NFT_FIB_NETDEV"},
		{sources, syscall.EPERM, "ask the kernel for virtual MACs: operation not permitted"},
	} {
		if got := fmt.Sprint(tt.feature.verdict(tt.err)); got != tt.want {
			t.Errorf("%v of %v: %s, want %s", tt.err, tt.feature, got, tt.want)
		}
	}
}

// TestTrials holds that each trial asks for what the one before it does not.
func TestTrials(t *testing.T) {
	for f, want := range map[feature]string{arrivals: "hook ingress", departures: "hook egress", sources: "fib saddr type unicast"} {
		for g := arrivals; g <= features; g++ {
			if got := strings.Contains(g.trial("lo").String(), want); got != (g == f || f == departures && g > f) {
				t.Errorf("trial of %q: %q %t", g, want, got)
			}
		}
	}
}
