package onepolicy_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestDiskFull applies on either node while the disk of one has no room.
func TestDiskFull(t *testing.T) {
	b := newPair(t)
	one, full := b.nodes[0], b.nodes[1]
	full.smallDisk()
	before := b.last
	for _, n := range b.nodes {
		n.write("rempart.toml", b.next())
		s := n.rempart("apply", "--now")
		if s.code == 0 {
			b.Errorf("applied on %s: %s", n, s.text)
		}
		n.wantWords(s.text, "no space left", "nothing was changed")
		b.runBoth(before)
	}
	full.inside("rm", full.File("state/fill"))
	b.last = before
	one.write("rempart.toml", b.next())
	one.mustApply()
	b.runBoth(b.last)
}

// smallDisk gives the daemon a disk for its state that has no room left. It goes with the daemon.
func (n *node) smallDisk() {
	n.Helper()
	n.inside("sh", "-euc", fmt.Sprintf(`
		mkdir %[1]s.small
		mount -t tmpfs -o size=1m small %[1]s.small
		cp -a %[1]s/. %[1]s.small/
		mount --move %[1]s.small %[1]s
		! dd if=/dev/zero of=%[1]s/fill bs=4k
	`, n.File("state")))
}

// inside runs a command with the mounts of the daemon.
func (n *node) inside(name string, args ...string) {
	n.Helper()
	pid, err := exec.Command("ip", "netns", "pids", n.host.Namespace()).Output() // it is the only one there
	if err != nil {
		n.Fatal(err)
	}
	args = append([]string{"--mount", "--target", strings.TrimSpace(string(pid)), name}, args...)
	if out, err := exec.Command("nsenter", args...).CombinedOutput(); err != nil {
		n.Fatalf("%s: %s: %v: %s", n, name, err, out)
	}
}
