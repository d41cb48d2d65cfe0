package firewall

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// Secret is the content of a file that the policy names ("file:carp.key"), as
// the revision has it that runs; ok is false when that revision has none, since
// an earlier version made it. It may be called by whoever may not wait for the
// loop of Run, by Parts.Policy among them.
func (f *Firewall) Secret(file string) (content []byte, ok bool) {
	r := f.now.Load()
	if r == nil {
		return nil, false
	}
	content, ok = r.revision.Secrets[bareName(file)]
	return content, ok
}

// bareName is the name of a secret's file, which stands as "file:NAME" in a policy.
func bareName(file string) string { return strings.TrimPrefix(file, "file:") }

// ownSecrets are the secrets of a policy of this node, as they stand in their
// files; a file that is gone says nothing against the secret that runs. A policy
// whose pair could not speak is refused: its node would give the role away.
func (f *Firewall) ownSecrets(c *config.Config) (map[string][]byte, error) {
	if c.HA == nil || f.ReadSecret == nil {
		return nil, nil
	}
	content, err := f.ReadSecret(c.HA.Secret)
	if runs, ok := f.Secret(c.HA.Secret); ok && errors.Is(err, fs.ErrNotExist) {
		content, err = runs, nil
	}
	return fitSecret(c.HA, content, err)
}

// fitSecret is the secrets of a pair, when the content of its file was read and is a secret.
func fitSecret(ha *config.HA, content []byte, err error) (map[string][]byte, error) {
	if err == nil {
		_, err = config.ParseSecret(content)
	}
	if err != nil {
		return nil, report.Requestf("%w", config.Errors{{Position: ha.Pos, Key: "ha.secret", Msg: err.Error()}})
	}
	return map[string][]byte{bareName(ha.Secret): content}, nil
}

// secretsFor are the secrets of a revision that this node makes. One that goes
// back to a kept revision keeps the secret that runs, for the peer has that; it
// runs even without one.
func (f *Firewall) secretsFor(p Proposal, s source, c *config.Config) (map[string][]byte, error) {
	if c.HA == nil {
		return nil, nil
	}
	name := bareName(c.HA.Secret)
	switch given, ok := p.Secrets[name]; {
	case ok:
		return fitSecret(c.HA, given, nil)
	case s.kept == nil:
		return f.ownSecrets(c)
	}
	if runs, ok := f.Secret(name); ok {
		return map[string][]byte{name: runs}, nil
	}
	if kept, ok := s.kept.Secrets[name]; ok {
		return map[string][]byte{name: kept}, nil
	}
	secrets, err := f.ownSecrets(c)
	if err != nil {
		f.log.Warn("the revision has no secret", "cause", err)
	}
	return secrets, nil
}

// fitForeign refuses a revision of the other node whose secret is none. One
// without any is of an earlier version: each node has its own file then.
func (f *Firewall) fitForeign(r *config.Revision, c *config.Config) error {
	if c.HA == nil {
		return nil
	}
	content, ok := r.Secrets[bareName(c.HA.Secret)]
	if !ok { // it was made before revisions had any, or without one that could be read
		_, err := f.ownSecrets(c)
		if err != nil {
			err = fmt.Errorf("the revision came without the password of the pair (`rempart apply` at %s makes one that has it): %w", r.Origin, err)
		}
		return err
	}
	_, err := fitSecret(c.HA, content, nil)
	return err
}

// runsText says whether a draft is what the kernel enforces.
func (f *Firewall) runsText(d Draft) bool {
	return f.running != nil && bytes.Equal(f.running.revision.Policy, d.Policy) && bytes.Equal(f.running.revision.Node, d.Node)
}

// runsSecrets says whether the secrets that stand in their files are those of
// the revision that runs. Of files that cannot be read nobody knows better.
func (f *Firewall) runsSecrets() bool {
	now, err := f.ownSecrets(f.running.world.Config)
	return err != nil || equalSecrets(f.running.revision.Secrets, now)
}

func equalSecrets(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }
