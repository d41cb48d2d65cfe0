package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/disk"
	"github.com/rempart/rempart/firewall/report"
)

// The names of the files of a policy.
const (
	policyFile = "rempart.toml"
	nodeFile   = "node.toml"
)

// maxFile bounds what is read of a file, to less than what hurts a machine.
const maxFile = 32 << 20

// draft reads the policy of the configuration directory. The daemon does so
// whenever its status is asked for.
func (o options) draft() (report.Draft, error) {
	name := filepath.Join(o.config, policyFile)
	policy, err := disk.Read(name, maxFile)
	if err != nil {
		return report.Draft{}, wrong("read policy: %w", err)
	}
	return withNode(report.Draft{PolicyName: name, Policy: policy}, o.config)
}

// draftFrom reads a policy from a file, or from in when the file is "-". The
// node file is the one beside it, else that of the configuration directory,
// else there is none. Who names a pipe waits for it.
func (o options) draftFrom(file string, in io.Reader) (report.Draft, error) {
	d, beside := report.Draft{PolicyName: "stdin"}, []string{o.config}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return report.Draft{}, wrong("read policy: %w", err)
		}
		defer f.Close()
		d.PolicyName, in, beside = file, f, []string{filepath.Dir(file), o.config}
	}
	var err error
	if d.Policy, err = disk.ReadAll(in, maxFile); err != nil {
		return report.Draft{}, wrong("read policy: %w", err)
	}
	return withNode(d, beside...)
}

// withNode is d with the node file of the first of these directories that has one.
func withNode(d report.Draft, dirs ...string) (report.Draft, error) {
	for _, dir := range dirs {
		name := filepath.Join(dir, nodeFile)
		text, err := disk.Read(name, maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return report.Draft{}, wrong("read node file: %w", err)
		}
		d.NodeName, d.Node = name, text
		break
	}
	return d, nil
}

// draftOf is the policy of a command's arguments: FILE, or the configuration directory.
func (p *program) draftOf(args []string) (report.Draft, error) {
	if len(args) == 0 {
		return p.draft()
	}
	return p.draftFrom(args[0], p.in)
}

// parse reads a draft here, without the daemon.
func parse(d report.Draft) (*config.Config, error) {
	var node *config.File
	if d.NodeName != "" {
		node = &config.File{Name: d.NodeName, Data: d.Node}
	}
	c, err := config.Parse(config.File{Name: d.PolicyName, Data: d.Policy}, node)
	var faults config.Errors
	if errors.As(err, &faults) {
		return nil, faultsError(reportFaults(faults))
	}
	return c, err
}
