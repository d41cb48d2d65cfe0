package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// The names of the files of a policy.
const (
	policyFile = "rempart.toml"
	nodeFile   = "node.toml"
)

// draft reads the policy of the configuration directory.
func (o options) draft() (report.Draft, error) {
	return o.draftFrom(filepath.Join(o.config, policyFile), nil)
}

// draftFrom reads a policy from a file, or from in when the file is "-". The
// node file is the one beside it, else that of the configuration directory,
// else there is none.
func (o options) draftFrom(file string, in io.Reader) (report.Draft, error) {
	d := report.Draft{PolicyName: file}
	var err error
	beside := []string{o.config}
	if file == "-" {
		d.PolicyName = "stdin"
		d.Policy, err = io.ReadAll(in)
	} else {
		beside = []string{filepath.Dir(file), o.config}
		d.Policy, err = os.ReadFile(file)
	}
	if err != nil {
		return report.Draft{}, wrong("read policy: %w", err)
	}
	for _, dir := range beside {
		name := filepath.Join(dir, nodeFile)
		d.Node, err = os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return report.Draft{}, wrong("read node file: %w", err)
		}
		d.NodeName = name
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
