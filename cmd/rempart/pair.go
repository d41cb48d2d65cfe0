package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/links"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha"
	"github.com/rempart/rempart/ha/flowdiff"
	"github.com/rempart/rempart/ha/flowsync"
	"github.com/rempart/rempart/ha/peer"
)

// hooksDir is where the executables are that are run when a role changes, beside the policy.
const hooksDir = "hooks.d"

// newPair makes the node of the gateway. What it asks of the gateway it asks when both run.
func newPair(o options, m *machine, owner *links.Owner, line peerLine, gateway func() *firewall.Firewall, log hclog.Logger) (*ha.Node, error) {
	host, err := o.nodeName()
	if err != nil {
		return nil, err
	}
	return ha.New(ha.Parts{
		Kernel: m.frames, Ticker: m.ticker, MACs: m.macs,
		Flows: flowsync.New(log.Named("flows")), Table: flowdiff.Kernel{}, Lists: carried{gateway},
		Keys: pairKeys{line.keys, log.Named("pairing")}, Policy: line,
		Link: func(o peer.Options) ha.Link { return peer.New(o) },
		Devices: func(c *config.Config) map[string]string {
			found, _ := owner.Devices(firewall.Interfaces(c)) // what is missing is told by who needs it
			return found
		},
		Secret: func(file string) ([]byte, error) {
			if content, ok := gateway().Secret(file); ok {
				return content, nil
			}
			return o.secret(file) // what runs was made by a version that kept no secrets
		},
		Hash:   func() string { return gateway().Hash() },
		Down:   func(name string) bool { return gateway().LineDown(name) },
		Limits: kernelLimits,
		Order:  m.state.Path("maintenance.json"), Hooks: filepath.Join(o.config, hooksDir),
		Host: host, Version: version, Log: log.Named("ha"),
	}), nil
}

// secret reads a file beside the policy, which nobody but its owner may read.
func (o options) secret(file string) ([]byte, error) {
	const most = 1 << 12
	name := filepath.Join(o.config, strings.TrimPrefix(file, "file:"))
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("read secret: others can read %s: chmod 600 it", name)
	}
	return disk.Read(name, most)
}

// node reads node.toml alone; a node need not have one.
func (o options) node() (name string, text []byte, err error) {
	d, err := withNode(report.Draft{}, o.config)
	return d.NodeName, d.Node, err
}

// kernelLimits are the numbers of the kernel that the nodes of a pair ought to agree on: a flow of one has
// to fit into the table of the other, and to live there as long.
func kernelLimits() map[string]string {
	out := map[string]string{}
	const dir = "/proc/sys/net/netfilter"
	names := []string{
		"nf_conntrack_events", "nf_conntrack_max", "nf_conntrack_buckets", "nf_conntrack_expect_max",
		"nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal", "nf_conntrack_acct", "nf_conntrack_timestamp",
	}
	timeouts, _ := filepath.Glob(filepath.Join(dir, "nf_conntrack_*_timeout*")) // the pattern is well formed
	for _, path := range timeouts {
		names = append(names, filepath.Base(path))
	}
	for _, name := range names {
		if value, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			out[name] = strings.TrimSpace(string(value))
		}
	}
	return out
}
