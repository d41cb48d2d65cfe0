package failover_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ucarp is an instance for each of the two addresses, for it knows no groups, with defaults for all
// but the addresses; nobody takes the role back, for the two nodes take turns in losing it.
type ucarp struct {
	interval time.Duration
	rival    string
}

func (u *ucarp) name() string          { return "ucarp-" + u.interval.String() }
func (u *ucarp) advert() time.Duration { return u.interval }
func (u *ucarp) against() string       { return u.rival }

func (u *ucarp) install(tb testing.TB, b *bed) {
	tb.Helper()
	needs(tb, "ucarp", "nft", "conntrack")
	installByHand(tb, b)
}

func (u *ucarp) remove(tb testing.TB, b *bed) {
	tb.Helper()
	removeByHand(tb, b)
}

func (u *ucarp) start(tb testing.TB, n *node) {
	tb.Helper()
	startUcarp(tb, n, "--interface", lanDevice, "--srcip", n.lan(), "--addr", lanVIP, "--vhid", "1", "--pass", "secret")
	startUcarp(tb, n, "--interface", wanDevice, "--srcip", n.wan(), "--addr", wanVIP, "--vhid", "2", "--pass", "secret")
}

// standsBy believes what both instances say; they say it before they have heard an advertisement.
func (u *ucarp) standsBy(_ testing.TB, n *node) bool {
	return strings.Count(n.output(), "Switching to state: BACKUP") >= len(n.procs)
}

// release stops the daemons, which say nothing: their kernel goes on until the other node has waited for
// them. SIGUSR2, by which they become backups, takes the other node as long and loses more.
func (u *ucarp) release(tb testing.TB, n *node) {
	tb.Helper()
	n.signal(tb, syscall.SIGTERM)
}

// startUcarp starts ucarp with scripts that add its address and take it away; it announces it itself.
func startUcarp(tb testing.TB, n *node, args ...string) {
	tb.Helper()
	script := func(name, text string) string {
		path := filepath.Join(n.dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	up := script("up", `exec ip address add "$2/24" dev "$1"`)
	down := script("down", `exec ip address del "$2/24" dev "$1"`)
	n.start(tb, "ucarp", append([]string{"--upscript", up, "--downscript", down}, args...)...)
}
