package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// The names of the files of a policy.
const (
	policyFile = "rempart.toml"
	nodeFile   = "node.toml"
)

// maxFile bounds what is read of a file, to less than what hurts a machine.
const maxFile = 32 << 20

// draft reads the policy of the configuration directory.
func (o options) draft() (report.Draft, error) {
	name := filepath.Join(o.config, policyFile)
	policy, err := readFile(name)
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
	if d.Policy, err = readAll(in); err != nil {
		return report.Draft{}, wrong("read policy: %w", err)
	}
	return withNode(d, beside...)
}

// withNode is d with the node file of the first of these directories that has one.
func withNode(d report.Draft, dirs ...string) (report.Draft, error) {
	for _, dir := range dirs {
		name := filepath.Join(dir, nodeFile)
		text, err := readFile(name)
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

// readFile reads a regular file. The daemon looks at the policy whenever its
// status is asked for: a pipe or a device there would keep it waiting for ever.
func readFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	text, err := readAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// readAll is io.ReadAll of what has an end.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return text, err
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
