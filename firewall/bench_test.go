package firewall

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/vishvananda/netns"
)

// onePort and ports are what a rule of policyOf has to say of its port. A list
// becomes an anonymous set, and what those cost grows with their square.
const (
	onePort = `%d`
	ports   = `[%d, "8000-8080"]`
)

// policyOf is a policy with rules of the kind that people write, and an alias
// of addresses that the first of them blocks.
func policyOf(rules int, port string, addresses []string) string {
	var b strings.Builder
	b.WriteString(base)
	if len(addresses) > 0 {
		fmt.Fprintf(&b, "\n[alias.listed]\naddresses = [\n\"%s\"]\n", strings.Join(addresses, "\",\n\""))
		b.WriteString("\n[[rule]]\nname = \"drop-listed\"\nfrom = \"wan\"\nsource = \"@listed\"\naction = \"block\"\n")
	}
	b.WriteString(ruleList(rules, port))
	return b.String()
}

// ruleList is rules from lan to wan, each for another network.
func ruleList(n int, port string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
[[rule]]
name = "r%d"
from = "lan"
to = "wan"
source = "10.1.2.%d"
destination = "10.%d.%d.0/24"
protocol = "tcp"
port = %s
action = "pass"
`, i, i%256, 100+i/256, i%256, fmt.Sprintf(port, i%7999+1))
	}
	return b.String()
}

// listed is n networks from a given one on, none of which touches another.
func listed(from, n int) []string {
	all := make([]string, n)
	for i := range all {
		at := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(from+i)*1024+20<<24)))
		all[i] = netip.PrefixFrom(at, 32-4*(i%2)).String()
	}
	return all
}

func compiled(b *testing.B, policy string) nft.Ruleset {
	b.Helper()
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policy)}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return Compile(NewWorld(c, Learned{}, compileTime))
}

func BenchmarkCompile10000Rules(b *testing.B) {
	c, err := config.Parse(config.File{Name: "rempart.toml", Data: []byte(policyOf(10_000, onePort, nil))}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Compile(NewWorld(c, Learned{}, compileTime))
	}
}

func BenchmarkPrint10000Rules(b *testing.B) {
	ruleset := compiled(b, policyOf(10_000, onePort, nil))
	b.SetBytes(int64(len(ruleset.String())))
	b.ReportAllocs()
	for b.Loop() {
		_ = ruleset.String()
	}
}

// BenchmarkLoad puts a policy into an empty kernel, each time by a process of
// its own: ours begins at rempart.toml, nft(8) at the text of the ruleset that
// it becomes. They take turns, so that what else the machine does falls on both.
func BenchmarkLoad(b *testing.B) {
	for _, bb := range []struct {
		name   string
		policy string
	}{
		{"10000-rules", policyOf(10_000, onePort, nil)},
		{"1000-port-lists", policyOf(1_000, ports, nil)},
		{"100000-addresses", policyOf(0, "", listed(0, 100_000))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			benchNamespace(b)
			policy, ruleset := filepath.Join(b.TempDir(), "rempart.toml"), filepath.Join(b.TempDir(), "ruleset.nft")
			save(b, policy, bb.policy)
			save(b, ruleset, compiled(b, bb.policy).String())
			var ours, theirs costs
			for b.Loop() {
				ours.add(b, loadChild(policy))
				deleteTable(b)
				theirs.add(b, exec.Command("nft", "-f", ruleset))
				deleteTable(b)
			}
			ours.against(b, theirs)
		})
	}
}

// loadVariable names the policy that TestLoadChild loads.
const loadVariable = "REMPART_BENCH_LOAD"

func loadChild(policy string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadChild$")
	cmd.Env = append(os.Environ(), loadVariable+"="+policy)
	return cmd
}

// TestLoadChild is the process that BenchmarkLoad measures.
func TestLoadChild(t *testing.T) {
	file := os.Getenv(loadVariable)
	if file == "" {
		t.Skip("a part of BenchmarkLoad")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(config.File{Name: file, Data: data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var tab table
	if err := tab.put(t.Context(), nft.Open(TableName), Compile(NewWorld(c, Learned{}, compileTime))); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkChange exchanges 10 of the 100,000 addresses of an alias while it is
// in use: as the daemon does it, and with nft(8), which takes them back.
func BenchmarkChange(b *testing.B) {
	benchNamespace(b)
	before, after := listed(0, 100_000), listed(10, 100_000)
	have, want := compiled(b, policyOf(0, "", before)), compiled(b, policyOf(0, "", after))
	back := filepath.Join(b.TempDir(), "back.nft")
	save(b, back, fmt.Sprintf("delete element inet %s alias_listed_v4 { %s }\nadd element inet %s alias_listed_v4 { %s }\n",
		TableName, strings.Join(after[len(after)-10:], ", "), TableName, strings.Join(before[:10], ", ")))
	k, ctx := nft.Open(TableName), context.Background()
	var ours, theirs costs
	var t table
	put := func(r nft.Ruleset) {
		if err := t.put(ctx, k, r); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		put(have) // looks at what nft left
		start := time.Now()
		put(want)
		ours.times = append(ours.times, time.Since(start))
		theirs.add(b, exec.Command("nft", "-f", back))
	}
	ours.against(b, theirs)
}

// costs are what runs of one program took.
type costs struct {
	times []time.Duration
	cpu   []time.Duration
	peak  []int64 // bytes of memory
}

func (c *costs) add(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, done) }()
	err := cmd.Wait()
	c.times = append(c.times, time.Since(start))
	close(done)
	c.peak = append(c.peak, <-peak)
	if err != nil {
		b.Fatalf("%s: %v\n%.2000s", cmd, err, out.Bytes())
	}
	c.cpu = append(c.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
}

// watchPeak is the most memory that a process had, as seen until it ended.
// What wait4(2) says of it begins with the memory of the process that forked.
func watchPeak(pid int, done <-chan struct{}) int64 {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var peak int64
	for {
		select {
		case <-done:
			return peak
		case <-tick.C:
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			var kib int64
			if _, after, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
				fmt.Sscan(string(after), &kib)
			}
			peak = max(peak, kib<<10)
		}
	}
}

// against gives the medians in place of what the benchmark took as a whole.
func (c costs) against(b *testing.B, theirs costs) {
	b.Helper()
	ms := func(all []time.Duration) float64 { return float64(median(all)) / float64(time.Millisecond) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(c.times), "rempart-ms")
	b.ReportMetric(ms(theirs.times), "nft-ms")
	b.ReportMetric(ms(c.times)/ms(theirs.times), "time-ratio")
	if len(c.cpu) == 0 {
		return
	}
	b.ReportMetric(ms(c.cpu)/ms(theirs.cpu), "cpu-ratio")
	const mib = 1 << 20
	b.ReportMetric(float64(median(c.peak))/mib, "rempart-MiB")
	b.ReportMetric(float64(median(theirs.peak))/mib, "nft-MiB")
}

func median[T ~int64](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

// benchNamespace puts the benchmark and what it starts in a network namespace
// of its own, which goes with it.
func benchNamespace(b *testing.B) {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		b.Fatal(err)
	}
	fresh, err := netns.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := netns.Set(home); err != nil {
			b.Fatal(err) // the thread stays locked and ends with its goroutine
		}
		fresh.Close()
		home.Close()
		runtime.UnlockOSThread()
	})
}

// deleteTable empties the kernel, outside of the time that is measured.
func deleteTable(b *testing.B) {
	b.Helper()
	if err := nft.Open(TableName).Delete(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func save(b *testing.B, name, text string) {
	b.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}
