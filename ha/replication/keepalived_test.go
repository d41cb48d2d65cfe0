package replication_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// keeper is keepalived with conntrackd beside it, whose cache it has put into the kernel when it becomes master:
// so the examples of conntrackd have it.
type keeper struct {
	conntrackd
	interval time.Duration
}

func newKeeper(interval time.Duration) *keeper {
	return &keeper{conntrackd{cached}, interval}
}

func (k *keeper) name() string { return "keepalived+conntrackd" }

func (k *keeper) install(tb testing.TB, b *bed) {
	tb.Helper()
	needs(tb, "keepalived")
	k.conntrackd.install(tb, b)
}

// transition is what primary-backup.sh of the examples does.
const transition = `#!/bin/sh
case "$1" in
primary) for order in -c -f -R -B; do conntrackd -C %[1]s $order; done ;;
backup)  for order in -t -n; do conntrackd -C %[1]s $order; done ;;
esac
`

func (k *keeper) start(tb testing.TB, n *node) {
	tb.Helper()
	k.launch(tb, n)
	// What keepalived orders at once must find somebody who listens.
	if !within(waitAtMost, func() bool { return k.conntrackd.ready(tb, n) }) {
		tb.Fatalf("conntrackd of %s does not answer\n%s", n.host.Name(), n.output())
	}
	script := n.write(tb, "transition", fmt.Sprintf(transition, n.file("conntrackd.conf")), 0o700)
	n.write(tb, "keepalived.conf", k.config(n, script), 0o600)
	// A daemon that was killed has left them.
	for _, pid := range []string{"keepalived.pid", "vrrp.pid"} {
		_ = os.Remove(n.file(pid)) // the first has none
	}
	n.start(tb, "keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file", n.file("keepalived.conf"),
		"--pid", n.file("keepalived.pid"), "--vrrp_pid", n.file("vrrp.pid"))
}

func (k *keeper) config(n *node, script string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "global_defs {\n\trouter_id %s\n\tvrrp_version 3\n\tscript_user root\n}\n", n.host.Name())
	fmt.Fprintf(&text, `vrrp_sync_group both {
	group {
		lan
		wan
	}
	notify_master "%[1]s primary"
	notify_backup "%[1]s backup"
}
`, script)
	id := 0
	for _, device := range []string{lanDevice, wanDevice} {
		id++
		fmt.Fprintf(&text, `vrrp_instance %s {
	state BACKUP
	nopreempt
	interface %s
	virtual_router_id %d
	priority %d
	advert_int %g
	virtual_ipaddress {
		%s
	}
}
`, strings.TrimSuffix(device, "0"), device, id, 100-n.number, k.interval.Seconds(), subnet(virtual[device]))
	}
	return text.String()
}

// ready believes what the daemon says of both instances.
func (k *keeper) ready(_ testing.TB, n *node) bool {
	state := "MASTER"
	if n.number == 1 {
		state = "BACKUP"
	}
	out := n.output()
	return strings.Contains(out, "(lan) Entering "+state) && strings.Contains(out, "(wan) Entering "+state)
}

var cacheLine = regexp.MustCompile(`(?s)cache external:.*?current active connections:\s+(\d+)`)

// holds reports whether the daemon has so many flows of its peer.
func (k *keeper) holds(tb testing.TB, n *node, flows int) bool {
	tb.Helper()
	out, err := k.command(tb, n, "-s")
	found := cacheLine.FindStringSubmatch(out)
	if err != nil || found == nil {
		return false
	}
	has, err := strconv.Atoi(found[1])
	return err == nil && has >= flows
}
