package nft

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netns"
)

// namespace puts the test in a network namespace of its own, which goes with it.
func namespace(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Set(home); err != nil {
			t.Fatal(err) // the thread stays locked and ends with its goroutine
		}
		fresh.Close()
		home.Close()
		runtime.UnlockOSThread()
	})
}

// nftCommand runs nft(8) in the namespace.
func nftCommand(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("nft", args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("nft %s: %v\n%s\n%s", strings.Join(args, " "), err, out, stdin)
	}
	return string(out)
}

func commitAll(t testing.TB, k Kernel, batches []Batch) {
	t.Helper()
	for i, b := range batches {
		if err := k.Commit(context.Background(), b, 0); err != nil {
			t.Fatalf("batch %d of %d: %v\n%.2000s", i+1, len(batches), err, b)
		}
	}
}

func readState(t testing.TB, k Kernel) State {
	t.Helper()
	s, err := k.State(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// apply makes want the running table.
func apply(t testing.TB, k Kernel, want Ruleset) {
	t.Helper()
	commitAll(t, k, Plan(readState(t, k), want))
}

// sameText compares texts of tables in their canonical form.
func sameText(t testing.TB, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(Canonical(want), "\n"), strings.Split(Canonical(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// currentNamespace is a descriptor of the namespace that the test is in.
func currentNamespace(t testing.TB) int {
	t.Helper()
	ns, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return int(ns)
}
