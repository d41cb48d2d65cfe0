package explain

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/schedules"
	"go4.org/netipx"
)

// monday is a working day, at noon in Paris.
var monday = time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)

// testdata reads one file.
func testdata(t testing.TB, name string) config.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return config.File{Name: name, Data: data}
}

// office is the world of testdata.
func office(t testing.TB) *rules.World {
	t.Helper()
	node := testdata(t, "node.toml")
	return world(t, testdata(t, "rempart.toml"), &node)
}

// world is a policy with something in its lists.
func world(t testing.TB, policy config.File, node *config.File) *rules.World {
	t.Helper()
	c, err := config.Parse(policy, node)
	if err != nil {
		t.Fatal(err)
	}
	w := &rules.World{
		Config: c, Numbers: rules.Numbers(nil).Assign(c.RuleNames()),
		Lists:     map[string]*netipx.IPSet{"drop_list": set(t, "192.0.2.0/24")},
		Dynamic:   map[string]*netipx.IPSet{"bruteforce": set(t, "198.51.100.66/32")},
		Schedules: map[string][]schedules.Interval{},
	}
	for _, s := range c.Schedules {
		w.Schedules[s.Name] = schedules.Intervals(s, c.System.Location, monday.AddDate(0, 0, -30), monday.AddDate(0, 0, 30))
	}
	return w
}

func set(t testing.TB, prefixes ...string) *netipx.IPSet {
	t.Helper()
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		b.AddPrefix(netip.MustParsePrefix(p))
	}
	s, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// packet reads a packet.
func packet(t testing.TB, s string) config.Packet {
	t.Helper()
	p, err := config.ParsePacket(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
