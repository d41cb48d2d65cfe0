package replication_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// mode is a way in which conntrackd works.
type mode struct{ name, text string }

// Modes with a cache of the peer's flows keep them in the daemon until a commit; those without put them into
// the kernel as they come, as ours does.
var (
	ftfw = mode{"FTFW", `Mode FTFW {
		DisableExternalCache On
	}`}
	notrack = mode{"NOTRACK", `Mode NOTRACK {
		DisableInternalCache On
		DisableExternalCache On
	}`}
	cached = mode{"cached", `Mode FTFW {
	}`}
)

// conntrackd is that of the distribution, over one UDP channel, with what its examples say for buffers, and with
// room for a million flows. Nobody elects a master: the first node has the addresses.
type conntrackd struct{ mode mode }

func (c *conntrackd) name() string { return "conntrackd-" + c.mode.name }

func (c *conntrackd) install(tb testing.TB, b *bed) {
	tb.Helper()
	needs(tb, "conntrackd")
	installByHand(tb, b)
}

func (c *conntrackd) remove(tb testing.TB, b *bed) {
	tb.Helper()
	removeByHand(tb, b)
}

func (c *conntrackd) start(tb testing.TB, n *node) {
	tb.Helper()
	c.launch(tb, n)
	if n.number == 0 {
		for device, vip := range virtual {
			n.run(tb, "ip", "address", "add", subnet(vip).String(), "dev", device)
		}
	}
}

// launch starts the daemon alone.
func (c *conntrackd) launch(tb testing.TB, n *node) {
	tb.Helper()
	n.write(tb, "conntrackd.conf", c.config(n), 0o600)
	// A daemon that was killed has left them.
	for _, left := range []string{"conntrackd.lock", "conntrackd.ctl"} {
		_ = os.Remove(n.file(left)) // the first has none
	}
	n.start(tb, "conntrackd", "-C", n.file("conntrackd.conf"))
}

func (c *conntrackd) config(n *node) string {
	return fmt.Sprintf(`Sync {
	%s
	UDP {
		IPv4_address %s
		IPv4_Destination_Address %s
		Port 3780
		Interface %s
		SndSocketBuffer 1249280
		RcvSocketBuffer 1249280
		Checksum on
	}
}
General {
	HashSize 262144
	HashLimit 4194304
	LogFile off
	Syslog off
	LockFile %s
	UNIX {
		Path %s
	}
	NetlinkBufferSize 2097152
	NetlinkBufferSizeMaxGrowth 8388608
	Filter From Userspace {
		Address Ignore {
			IPv4_address 127.0.0.1
			IPv4_address %s
			IPv4_address %s
			IPv4_address %s
			IPv4_address %s
		}
	}
}
`, c.mode.text, n.cable(), n.peer(), cableDevice, n.file("conntrackd.lock"), n.file("conntrackd.ctl"),
		n.lan(), n.wan(), n.cable(), n.peer())
}

// command asks the node's daemon for something.
func (c *conntrackd) command(tb testing.TB, n *node, what string) (string, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return n.host.Run(ctx, "conntrackd", "-C", n.file("conntrackd.conf"), what)
}

func (c *conntrackd) ready(tb testing.TB, n *node) bool {
	tb.Helper()
	_, err := c.command(tb, n, "-s")
	return err == nil
}

func (c *conntrackd) fetch(tb testing.TB, n *node) bool {
	tb.Helper()
	_, err := c.command(tb, n, "-n")
	return err == nil
}

func (c *conntrackd) proved(testing.TB, *node) bool { return true }

func (c *conntrackd) remarks(tb testing.TB, n *node) string {
	tb.Helper()
	out, _ := c.command(tb, n, "-s") // a daemon that is too busy says nothing
	return out
}

func (c *conntrackd) daemon(n *node) *lab.Process { return n.first() }
