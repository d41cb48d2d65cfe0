package links

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The file outlives the program that wrote it: its shape is a contract.
const recordText = `{
  "identity": "b5/1",
  "addresses": [
    {
      "index": 3,
      "device": "eth1",
      "prefix": "10.1.2.2/28"
    }
  ],
  "links": [
    {
      "index": 3,
      "device": "eth1",
      "mtu": 1400,
      "mtu_before": 1500,
      "raised": true
    }
  ],
  "sysctls": [
    {
      "path": "net/ipv4/ip_forward",
      "value": "1",
      "before": "0"
    }
  ]
}
`

func TestRecord(t *testing.T) {
	owned := Owned{
		Identity:  "b5/1",
		Addresses: []OwnedAddress{{Index: 3, Device: "eth1", Prefix: netip.MustParsePrefix("10.1.2.2/28")}},
		Links:     []OwnedLink{{Index: 3, Device: "eth1", MTU: 1400, MTUBefore: 1500, Raised: true}},
		Sysctls:   []OwnedSysctl{{Path: "net/ipv4/ip_forward", Value: "1", Before: "0"}},
	}
	dir := filepath.Join(t.TempDir(), "made", "too")
	r := record{path: filepath.Join(dir, "links.json")}
	if got, err := r.load(); err != nil || got.Identity != "" {
		t.Errorf("missing file: %+v, %v", got, err)
	}
	for _, o := range []Owned{{Identity: "other"}, owned} {
		if err := r.save(o); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(recordText, string(text)); d != "" {
		t.Errorf("file (-want +got):\n%s", d)
	}
	fresh := record{path: r.path}
	got, err := fresh.load()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(owned, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("read (-want +got):\n%s", d)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
}
