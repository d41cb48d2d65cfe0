package explain

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/rules"
	"github.com/rempart/rempart/rules/steer"
)

var update = flag.Bool("update", false, "write the golden files")

// Each golden file is the answers to the questions in the file beside it, a
// line each: a packet, perhaps with "reply", "at TIME" or "down GATEWAY,GATEWAY"
// before it. They are asked under the policy of the same name, or the office's.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.packets")
	if err != nil || len(files) == 0 {
		t.Fatalf("questions: %v, %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".packets")
		w := office(t)
		if _, err := os.Stat("testdata/" + name + ".toml"); err == nil {
			w = uplinks(t, name+".toml")
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for q := range strings.Lines(string(data)) {
			q = strings.TrimSpace(q)
			out.WriteString("? " + q + "\n\n")
			for _, line := range Text(ask(t, w, q), 90) {
				out.WriteString(line + "\n")
			}
			out.WriteString("\n")
		}
		compare(t, "testdata/"+name+".golden", out.String())
	}
}

// ask answers a line of a question file.
func ask(t *testing.T, w *rules.World, q string) report.Explanation {
	t.Helper()
	q, reply := strings.CutPrefix(q, "reply ")
	at := monday
	if rest, ok := strings.CutPrefix(q, "at "); ok {
		word, packet, _ := strings.Cut(rest, " ")
		var err error
		if at, err = time.Parse(time.RFC3339, word); err != nil {
			t.Fatal(err)
		}
		q = packet
	}
	if rest, ok := strings.CutPrefix(q, "down "); ok {
		word, packet, _ := strings.Cut(rest, " ")
		lines := *w
		lines.Lines = map[string]steer.Health{}
		for name := range strings.SplitSeq(word, ",") {
			lines.Lines[name] = steer.Health{State: steer.Down}
		}
		w, q = &lines, packet
	}
	return New(w).Explain(packet(t, q), at, reply)
}

// uplinks is the world of a policy with several lines, all of which are up, and
// port forwards of which some targets are silent.
func uplinks(t *testing.T, name string) *rules.World {
	t.Helper()
	w := world(t, testdata(t, name), nil)
	var names []string
	for _, g := range w.Config.Gateways {
		names = append(names, g.Name)
	}
	w.Gateways = rules.Numbers(nil).Assign(names)
	w.Hops = map[string]netip.Addr{"lte": netip.MustParseAddr("100.64.7.1")}
	w.Silent = map[string][]netip.Addr{
		"checked": {netip.MustParseAddr("10.1.3.11")},
		"quiet":   {netip.MustParseAddr("10.1.3.20"), netip.MustParseAddr("10.1.3.21")},
	}
	w.Addresses = map[string][]netip.Prefix{"wan3": {netip.MustParsePrefix("100.64.7.2/30")}}
	return w
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
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
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}
