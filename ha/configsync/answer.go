package configsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rempart/rempart/config"
)

// Answer answers a question of the peer whose kind begins with "policy-". It may be called from any
// goroutine.
func (s *Sync) Answer(ctx context.Context, kind string, body []byte) ([]byte, error) {
	if !s.Paired() {
		return nil, errors.New("the nodes are not paired")
	}
	switch kind {
	case askState:
		return s.answerState(ctx, body)
	case askFetch:
		return s.answerFetch(ctx, body)
	case askStage:
		r, err := s.answerStage(ctx, body)
		return replyTo(r, err)
	case askSwitch, askKeep, askBack:
		r, err := s.answerStep(ctx, kind, body)
		return replyTo(r, err)
	case askLearned:
		return replyTo(reply{}, s.Gateway.Adopt(ctx, body))
	case askCatchUp:
		return replyTo(reply{}, s.catchUpNow(ctx))
	}
	return nil, fmt.Errorf("question %q is not known to this version", kind)
}

// tooFarApart is why two nodes do not understand each other.
const tooFarApart = "the nodes run versions of rempart that are too far apart: `rempart ha upgrade`"

// replyTo is a reply, or what is in the way as the peer shows it to whoever asks.
func replyTo(r reply, err error) ([]byte, error) {
	if err != nil {
		r.Refusal = new(Refusal)
		if !errors.As(err, &r.Refusal) {
			r.Refusal = &Refusal{Message: err.Error()}
		}
	}
	return marshal(r), nil
}

func (s *Sync) answerState(ctx context.Context, body []byte) ([]byte, error) {
	other := new(state)
	if err := parseJSON(body, other); err != nil {
		return nil, fmt.Errorf("read state of the peer: %w", err)
	}
	own, _, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	if s.hear(other) {
		s.Ring()
	}
	return marshal(own), nil
}

// answerFetch sends revisions, as many as are fit for one message.
func (s *Sync) answerFetch(ctx context.Context, body []byte) ([]byte, error) {
	var q fetch
	if err := parseJSON(body, &q); err != nil {
		return nil, fmt.Errorf("read question for revisions: %w", err)
	}
	h, err := s.Gateway.History()
	if err != nil {
		return nil, err
	}
	b, err := s.collect(h.Missing(q.Have, q.Head))
	if err != nil {
		return nil, err
	}
	if q.Learned {
		if b.learned, err = s.Gateway.Learned(ctx); err != nil {
			return nil, err
		}
	}
	return appendBundle(nil, b), nil
}

// collect reads revisions, until they are enough for one message.
func (s *Sync) collect(ids []string) (bundle, error) {
	var b bundle
	size := 0
	for _, id := range ids {
		r, err := s.Gateway.Find(id)
		if err != nil {
			return bundle{}, err
		}
		b.revisions = append(b.revisions, r)
		if size += len(r.Text()); size > roomyBundle || len(b.revisions) == mostRevisions {
			break
		}
	}
	return b, nil
}

// answerStage checks a revision of the peer, and holds it.
func (s *Sync) answerStage(ctx context.Context, body []byte) (reply, error) {
	text, rest, err := cutPart(body)
	var head stageHead
	if err == nil {
		err = parseJSON(text, &head)
	}
	var b bundle
	if err == nil {
		b, err = parseBundle(rest)
	}
	switch {
	case err != nil:
		return reply{}, fmt.Errorf("read revision of the peer: %w", err)
	case head.Protocol < oldest || head.Protocol > protocol:
		return reply{}, &Refusal{Message: tooFarApart}
	case len(b.revisions) == 0:
		return reply{}, &Refusal{Message: "there is no revision in the message"}
	}
	if s.applying.Load() {
		return reply{}, errTurn // two that wait for each other would wait for long
	}
	done, err := s.takeSoon(ctx)
	if err != nil {
		return reply{}, err
	}
	defer done()
	r := b.revisions[len(b.revisions)-1]
	if err := s.mayFollow(ctx, r, b.revisions[:len(b.revisions)-1]); err != nil {
		return reply{}, err
	}
	staged, err := s.Gateway.Stage(ctx, r, b.learned)
	if err != nil {
		return reply{}, err
	}
	if head.Try {
		_, err = s.Gateway.GoBack(context.WithoutCancel(ctx), r.ID)
	}
	return reply{Warnings: staged.Warnings}, err
}

// mayFollow refuses a revision that is not of this pair, or does not descend from what runs here. What
// it descends from is kept.
func (s *Sync) mayFollow(ctx context.Context, r config.Revision, before []config.Revision) error {
	if err := s.trust(r); err != nil {
		return err
	}
	standing, err := s.Gateway.Standing(ctx)
	if err != nil {
		return err
	}
	if err := s.connects(r, before); err != nil {
		return err
	}
	if err := s.Gateway.Add(ctx, before); err != nil {
		return err
	}
	h, err := s.Gateway.History()
	if err != nil {
		return err
	}
	runs := standing.Running.ID
	descends := func(p string) bool {
		relation := h.Relation(p, runs)
		return relation == config.Same || relation == config.Ahead
	}
	switch {
	case runs == "", slices.ContainsFunc(r.Parents, descends):
		return nil
	case r.ID == runs:
		return &Refusal{Message: fmt.Sprintf("revision %.7s runs already", r.ID)}
	case h.Contains(r.ID) && h.Relation(r.ID, runs) == config.Behind:
		return &Refusal{Message: fmt.Sprintf("revision %.7s is older than what runs, %.7s", r.ID, runs)}
	}
	return &Refusal{Conflict: true, Message: fmt.Sprintf("it runs revision %.7s by %s, which this one was not edited from", runs, who(standing.Running))}
}

// connects refuses revisions that the last one does not descend from: its signature says nothing of them.
func (s *Sync) connects(r config.Revision, before []config.Revision) error {
	wanted := slices.Clone(r.Parents)
	for _, b := range slices.Backward(before) {
		if !slices.Contains(wanted, b.ID) {
			return &Refusal{Message: fmt.Sprintf("revision %.7s does not descend from %.7s, which came with it", r.ID, b.ID)}
		}
		wanted = append(wanted, b.Parents...)
	}
	return nil
}

// who made a revision.
func who(r config.Revision) string {
	return strings.Join(slices.DeleteFunc([]string{r.Author, r.Origin}, func(s string) bool { return s == "" }), " on ")
}

// answerStep does a step of an apply that the peer coordinates.
func (s *Sync) answerStep(ctx context.Context, kind string, body []byte) (reply, error) {
	var q step
	if err := parseJSON(body, &q); err != nil {
		return reply{}, fmt.Errorf("read step of the peer: %w", err)
	}
	defer s.Ring()
	var out Switched
	var err error
	switch kind {
	case askSwitch:
		out, err = s.Gateway.Switch(ctx, q.ID, min(max(q.Hold, doubt), longestHold))
	case askKeep:
		out, err = s.answerKeep(ctx, q.ID)
	case askBack:
		out, err = s.Gateway.GoBack(ctx, q.ID)
	}
	return reply{Warnings: out.Warnings}, err
}

// answerKeep keeps what the peer decided to keep. It may have been kept already.
func (s *Sync) answerKeep(ctx context.Context, id string) (Switched, error) {
	standing, err := s.Gateway.Standing(ctx)
	if err != nil || standing.Running.ID == id && standing.Pending == "" {
		return Switched{}, err
	}
	return s.kept(ctx, id)
}

// catchUpNow has a round though it is not time.
func (s *Sync) catchUpNow(ctx context.Context) error {
	done, err := s.takeSoon(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err = s.meet(ctx, true)
	return err
}
