package trace

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestParseFlow(t *testing.T) {
	for _, tt := range []struct{ flow, want string }{
		{"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443", "lan tcp 10.1.2.9:40000 -> 198.51.100.7:443"},
		{"lan tcp 10.1.2.9 -> 198.51.100.7:443", "lan tcp 10.1.2.9 -> 198.51.100.7:443"},
		{"lan icmp any -> 198.51.100.7", "lan icmp any -> 198.51.100.7"},
		{"lan icmp 10.1.2.9 -> 198.51.100.7 echo-request", "lan icmp 10.1.2.9 -> 198.51.100.7 echo-request"},
		{"icmpv6 -> 2001:db8::1 1/4", "any icmpv6 any -> 2001:db8::1 port-unreachable"},
		{"->", "any any any -> any"},
		{"any any any -> any", "any any any -> any"},
		{"lan ->", "lan any any -> any"},
		{"lan any ->", "lan any any -> any"},
		{"tcp -> :https", "any tcp any -> any:443"},
		{"tcp any:1-1023 -> any:any syn", "any tcp any:1-1023 -> any syn"},
		{"self udp -> 10.1.3.10:53", "self udp any -> 10.1.3.10:53"},
		{"10.1.2.0/24 -> 10.1.3.10-10.1.3.12", "any any 10.1.2.0/24 -> 10.1.3.10-10.1.3.12"},
		{"lan 10.1.2.9 ->", "lan any 10.1.2.9 -> any"},
		{"wan 47 203.0.113.1->198.51.100.7", "wan gre 203.0.113.1 -> 198.51.100.7"},
		{"lan tcp [2001:db8::/32]:5353 -> [2001:db8::1]:80 syn,ack", "lan tcp [2001:db8::/32]:5353 -> [2001:db8::1]:80 syn,ack"},
		{"0 -> any", "any hopopt any -> any"},
	} {
		f, err := ParseFlow(tt.flow)
		if err != nil || f.String() != tt.want {
			t.Errorf("%q is %q, %v, want %q", tt.flow, f, err, tt.want)
		}
		again, err := ParseFlow(f.String())
		if diff := cmp.Diff(f, again, cmp.Comparer(func(a, b Flow) bool { return a.String() == b.String() })); err != nil || diff != "" {
			t.Errorf("%q again: %v\n%s", f, err, diff)
		}
	}
}

func TestParseFlowFaults(t *testing.T) {
	for flow, want := range map[string]string{
		"":                                  "lacks the arrow",
		"lan tcp 10.1.2.9 198.51.100.7":     "lacks the arrow",
		"lan wan tcp 10.1.2.9 ->":           `"lan" before the arrow`,
		"lan tcp 10.1.2.9.1 ->":             "source:",
		"lan tcp -> 10.1.2.0/33":            "destination:",
		"lan -> 10.1.2.9:80":                "a port needs its protocol",
		"lan icmp -> 10.1.2.9:80":           "icmp has no ports",
		"icmp -> 2001:db8::1":               "write icmpv6",
		"icmpv6 10.0.0.1 ->":                "write icmp",
		"10.1.2.9 -> 2001:db8::1":           "two families",
		"tcp -> 10.1.2.9:0":                 "destination: port 0",
		"tcp -> 10.1.2.9:!80":               "no port or range",
		"tcp -> 10.1.2.9:@web":              "no port or range",
		"tcp -> [2001:db8::1]80":            "no address with a port",
		"tcp -> any:80 syn ack":             "after the arrow",
		"tcp -> any:80 !syn":                "name the flags that are set",
		"tcp -> any:80 sin":                 "no TCP flag",
		"udp -> any:80 syn":                 "only tcp has flags",
		"icmp -> any echo":                  "no icmp type",
		"lan tcp -> " + string([]byte{255}): "no TCP flag",
	} {
		if f, err := ParseFlow(flow); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", flow, f, err, want)
		}
	}
}

// What is understood is understood again when it is written.
func FuzzParseFlow(f *testing.F) {
	for _, s := range []string{"lan tcp 10.1.2.9:40000 -> 198.51.100.7:443 syn", "icmpv6 -> 2001:db8::1 1/4", "->", "self udp [::1]:53 -> :1-9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		flow, err := ParseFlow(s)
		if err != nil {
			return
		}
		again, err := ParseFlow(flow.String())
		if err != nil || again.String() != flow.String() {
			t.Errorf("%q is %q, and that is %q, %v", s, flow, again, err)
		}
		_ = flow.Table(TablePrefix+"1", "lan0", false).String()
		_ = flow.Table(TablePrefix+"1", "lan0", true).String()
	})
}

// The tables that mark are compared with testdata/tables.txt.
func TestTables(t *testing.T) {
	var b strings.Builder
	for _, tt := range []struct {
		flow, device string
		reply        bool
	}{
		{"lan tcp 10.1.2.9 -> 198.51.100.7:443 syn", "lan0", false},
		{"lan tcp 10.1.2.9 -> 198.51.100.7:443", "lan0", true},
		{"self udp -> [2001:db8::/32]:53", "", false},
		{"udp [2001:db8::9]:5000-5999 ->", "", true},
		{"icmp 10.1.2.0/24 -> any net-unreachable", "", false},
		{"->", "", false},
		{"->", "", true},
	} {
		f, err := ParseFlow(tt.flow)
		if err != nil {
			t.Fatal(err)
		}
		if b.WriteString("# " + tt.flow); tt.reply {
			b.WriteString(" (answers)")
		}
		b.WriteString("\n" + f.Table(TablePrefix+"1", tt.device, tt.reply).String() + "\n")
	}
	const golden = "testdata/tables.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
