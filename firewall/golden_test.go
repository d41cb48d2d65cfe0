package firewall

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/rules"
	"go4.org/netipx"
)

var update = flag.Bool("update", false, "write the golden files anew")

// compileTime is when the golden policies are compiled: schedules become instants.
var compileTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// compileFile compiles a policy of testdata.
func compileFile(t *testing.T, path string) nft.Ruleset {
	t.Helper()
	return Compile(goldenWorld(t, path))
}

// goldenWorld is a policy of testdata on a machine that has learned something.
func goldenWorld(t *testing.T, path string) *rules.World {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var node *config.File
	if own, err := os.ReadFile(strings.TrimSuffix(path, ".toml") + ".node"); err == nil {
		node = &config.File{Name: "node.toml", Data: own}
	}
	c, err := config.Parse(config.File{Name: path, Data: src}, node)
	if err != nil {
		t.Fatal(err)
	}
	var listed netipx.IPSetBuilder
	listed.AddPrefix(netip.MustParsePrefix("192.0.2.0/24"))
	listed.AddPrefix(netip.MustParsePrefix("2001:db8:bad::/48"))
	list, err := listed.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	outside := Outside{
		Names: map[string][]netip.Addr{"deb.example.org": {netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("2001:db8:20::1")}},
		Lists: map[string]*netipx.IPSet{"drop_list": list},
	}
	return NewWorld(c, Learned{Outside: outside}, compileTime)
}

// policies calls fn for each policy of testdata.
func policies(t *testing.T, fn func(t *testing.T, path string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d policies in testdata: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".toml"), func(t *testing.T) { fn(t, f) })
	}
}

func TestGoldenPolicyToText(t *testing.T) {
	policies(t, func(t *testing.T, path string) {
		got := compileFile(t, path).String()
		golden := strings.TrimSuffix(path, ".toml") + ".nft"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("compiled text (-want +got):\n%s", diff)
		}
	})
}

// TestTextIsWhatNftLists gives the text to nft, asks it to list, and expects the same text.
func TestTextIsWhatNftLists(t *testing.T) {
	gw := lab.Test(t).Host("gw")
	policies(t, func(t *testing.T, path string) {
		text := compileFile(t, path).String()
		file := filepath.Join(t.TempDir(), "ruleset.nft")
		if err := os.WriteFile(file, []byte("flush ruleset\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := gw.Run(t.Context(), "nft", "-f", file); err != nil {
			t.Fatal(err)
		}
		sameListing(t, gw, text)
	})
}

// TestKernelListsWhatIsPrinted loads each policy by netlink over the one
// before, twice, and expects nft to list what we print.
func TestKernelListsWhatIsPrinted(t *testing.T) {
	gw := lab.Test(t).Host("gw")
	k := openKernel(t, gw)
	var have table
	policies(t, func(t *testing.T, path string) {
		want := compileFile(t, path)
		for range 2 {
			if err := have.put(t.Context(), k, want); err != nil {
				t.Fatal(err)
			}
			sameListing(t, gw, want.String())
		}
		if batches := nft.Plan(have.have, want); len(batches) > 0 {
			t.Errorf("a ruleset that runs would be changed:\n%s", batches[0])
		}
	})
}

func sameListing(t *testing.T, gw *lab.Host, want string) {
	t.Helper()
	got, err := gw.Run(t.Context(), "nft", "list", "table", "inet", TableName)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nft.Canonical(want), nft.Canonical(got)); diff != "" {
		t.Errorf("nft lists other than we print (-ours +nft):\n%s", diff)
	}
}

// openKernel opens the table of a host.
func openKernel(t *testing.T, h *lab.Host) *nft.Netlink {
	t.Helper()
	var ns *os.File
	if err := h.Do(func() (err error) {
		ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return nft.Open(TableName).In(int(ns.Fd()))
}
