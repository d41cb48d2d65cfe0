package firewall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/config/pieces"
	"github.com/rempart/rempart/firewall/report"
)

// source is the texts of a proposal, and the revision that they are of: a kept
// one, or one of the other node.
type source struct {
	draft         Draft
	kept, foreign *config.Revision
}

// What a draft calls texts that stand in no file here. They come from the other
// node, where they do.
const (
	policyName = "rempart.toml"
	nodeName   = "node.toml"
)

// sourceOf is the texts that a proposal is about.
func (f *Firewall) sourceOf(p Proposal) (source, error) {
	switch {
	case p.Foreign != nil:
		own, err := f.localized(*p.Foreign)
		if err != nil {
			return source{}, err
		}
		return source{foreign: &own, draft: Draft{PolicyName: policyName, Policy: own.Policy, NodeName: nodeName, Node: own.Node}}, nil
	case p.Rollback != 0:
		rev, err := f.keptRevision(p.Rollback)
		return source{draft: draftOf(rev), kept: &rev}, err
	}
	return source{draft: p.Draft}, nil
}

// prepareSource makes a candidate of a source. One of the other node that does not go with the node.toml that
// is applied here is tried with the one that stands in the configuration directory: that is how somebody makes
// this node ready for an interface that it did not have, since nothing could be applied here before the policy
// names it.
func (f *Firewall) prepareSource(ctx context.Context, s *source, now time.Time) (*candidate, error) {
	c, err := f.prepare(ctx, s.draft, now)
	if err == nil || s.foreign == nil || !errors.Is(err, report.ErrRequest) {
		return c, err
	}
	name, node, fault := f.Node()
	if fault != nil || bytes.Equal(node, s.draft.Node) {
		return nil, err
	}
	s.foreign.Node, s.draft.NodeName, s.draft.Node = node, name, node
	return f.prepare(ctx, s.draft, now)
}

// keptRevision is the revision of a number, which may be RevisionBefore.
func (f *Firewall) keptRevision(number int) (config.Revision, error) {
	if number == RevisionBefore {
		var err error
		if number, err = f.revisionBefore(); err != nil {
			return config.Revision{}, err
		}
	}
	rev, err := f.State.Load(number)
	if err != nil {
		return config.Revision{}, report.Requestf("%w", err)
	}
	return rev, nil
}

// localized is a revision of the other node with what belongs to this one: the
// sections that are not shared, and node.toml.
func (f *Firewall) localized(r config.Revision) (config.Revision, error) {
	own, node, err := f.texts()
	if err != nil {
		return r, err
	}
	r.Number, r.Policy, r.Node = 0, r.Text(), node
	sections, all := sectionsOf(r.Policy)
	if all {
		r.Shared = nil // it is the whole policy
		return r, nil
	}
	r.Shared = r.Policy
	if r.Policy, err = pieces.Weave(own, r.Shared, sections); err != nil {
		return r, report.Requestf("put shared sections into the policy of this node: %w", err)
	}
	return r, nil
}

// givesUp warns of what this node has of its own and would lose by a policy of the other node that shares more
// sections than the one that runs.
func (f *Firewall) givesUp(c *candidate) []string {
	if f.running == nil || f.running.revision.Shared == nil {
		return nil
	}
	runs := f.running.revision
	var texts [3][]pieces.Piece
	for i, text := range [][]byte{runs.Policy, runs.Shared, c.draft.Policy} {
		var err error
		if texts[i], err = pieces.Split(text); err != nil {
			return nil // it is only a warning
		}
	}
	var lost []string
	for _, own := range texts[0] {
		same := func(p pieces.Piece) bool { return strings.TrimSpace(p.Text) == strings.TrimSpace(own.Text) }
		if !slices.ContainsFunc(texts[1], same) && !slices.ContainsFunc(texts[2], same) {
			lost = append(lost, own.Object)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("what it has of its own is shared now, and this goes: %s; revision %d has it", strings.Join(lost, ", "), runs.Number)}
}

// texts are the policy and the node.toml of this node: those that run, or
// where none run those of the configuration directory, which need not have any.
func (f *Firewall) texts() (policy, node []byte, err error) {
	if r := f.now.Load(); r != nil {
		return r.revision.Policy, r.revision.Node, nil
	}
	if _, node, err = f.Node(); err != nil {
		return nil, nil, err
	}
	if d, err := f.Files(); err == nil {
		policy = d.Policy
	}
	return policy, node, nil
}

// sharedText is what of a policy the other node gets; nil: all of it.
func sharedText(policy []byte, c *config.Config) ([]byte, error) {
	if c.HA == nil || len(pieces.Left(c.HA.Sections)) == 0 {
		return nil, nil
	}
	return pieces.Shared(policy, c.HA.Sections)
}

// sectionsOf are the sections that a text shares, which may be part of a policy
// and mean nothing alone; all says that these are the whole. What is wrong with
// a text is found when it is parsed as a policy.
func sectionsOf(text []byte) (sections []string, all bool) {
	var t struct {
		HA struct{ Sections any } `toml:"ha"`
	}
	if err := toml.Unmarshal(text, &t); err != nil || t.HA.Sections == nil {
		return nil, true
	}
	switch s := t.HA.Sections.(type) {
	case string:
		sections = []string{s}
	case []any:
		for _, item := range s {
			if name, ok := item.(string); ok {
				sections = append(sections, name)
			}
		}
	}
	return sections, len(pieces.Left(sections)) == 0
}
