package failover_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// keepalived is two VRRP instances in one sync group, with defaults for all but the interval; nobody
// takes the role back, for the two nodes take turns in losing it.
type keepalived struct {
	interval time.Duration
	rival    string
}

func (k *keepalived) name() string          { return "keepalived-" + k.interval.String() }
func (k *keepalived) advert() time.Duration { return k.interval }
func (k *keepalived) against() string       { return k.rival }

func (k *keepalived) install(tb testing.TB, b *bed) {
	tb.Helper()
	needs(tb, "keepalived", "nft", "conntrack")
	installByHand(tb, b)
}

func (k *keepalived) remove(tb testing.TB, b *bed) {
	tb.Helper()
	removeByHand(tb, b)
}

func (k *keepalived) start(tb testing.TB, n *node) {
	tb.Helper()
	file := func(name string) string { return filepath.Join(n.dir, name) }
	if err := os.WriteFile(file("keepalived.conf"), []byte(k.config(n)), 0o600); err != nil {
		tb.Fatal(err)
	}
	// A daemon that was killed has left them, and while nobody has reaped it the next believes that it lives.
	for _, pid := range []string{"keepalived.pid", "vrrp.pid"} {
		_ = os.Remove(file(pid)) // the first has none
	}
	n.start(tb, "keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file", file("keepalived.conf"),
		"--pid", file("keepalived.pid"), "--vrrp_pid", file("vrrp.pid"))
}

func (k *keepalived) config(n *node) string {
	version := 2
	if k.interval < time.Second {
		version = 3 // only there are intervals below a second
	}
	var text strings.Builder
	fmt.Fprintf(&text, "global_defs {\n\trouter_id %s\n\tvrrp_version %d\n}\n", n.host.Name(), version)
	text.WriteString("vrrp_sync_group both {\n\tgroup {\n\t\tlan\n\t\twan\n\t}\n}\n")
	for i, one := range []struct{ name, device, vip string }{{"lan", lanDevice, lanVIP}, {"wan", wanDevice, wanVIP}} {
		fmt.Fprintf(&text, `vrrp_instance %s {
	state BACKUP
	nopreempt
	interface %s
	virtual_router_id %d
	priority 100
	advert_int %g
	virtual_ipaddress {
		%s
	}
}
`, one.name, one.device, i+1, k.interval.Seconds(), subnet(one.vip))
	}
	return text.String()
}

// standsBy believes what the daemon says of both instances.
func (k *keepalived) standsBy(_ testing.TB, n *node) bool {
	out := n.output()
	return strings.Contains(out, "(lan) Entering BACKUP STATE") && strings.Contains(out, "(wan) Entering BACKUP STATE")
}

// release stops the daemon, which then says goodbye.
func (k *keepalived) release(tb testing.TB, n *node) {
	tb.Helper()
	n.signal(tb, syscall.SIGTERM)
}
