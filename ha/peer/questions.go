package peer

import (
	"context"
	"errors"
)

// question answers the peer, unless too many of its questions are open.
func (l *Link) question(ctx context.Context, c *conn, m message) {
	l.counters.asked.Add(1)
	select {
	case l.answers <- struct{}{}:
	default:
		l.counters.busy.Add(1)
		l.refuse(ctx, c, m.id)
		return
	}
	l.parts.Go(func() {
		defer func() { <-l.answers }()
		reply := l.answer(ctx, c, m)
		if ctx.Err() == nil { // else it may say no more than that
			_ = c.write(ctx, reply) // a connection that ended needs no answer
		}
	})
}

// refuse says that too many questions are open. Who reads must not wait for who writes, for at the other end it
// may be the same.
func (l *Link) refuse(ctx context.Context, c *conn, id uint32) {
	select {
	case l.refusals <- struct{}{}:
	default:
		const why = "questions come faster than their refusals are read"
		l.parts.Go(func() { c.leave(why, why) })
		return
	}
	l.parts.Go(func() {
		defer func() { <-l.refusals }()
		_ = c.write(ctx, message{kind: refusal, id: id, body: []byte("too many questions at once")}) // as an answer
	})
}

func (l *Link) answer(ctx context.Context, c *conn, m message) message {
	refuse := func(err error) message {
		text := err.Error()
		return message{kind: refusal, id: m.id, body: []byte(text[:min(len(text), maxMessage)])}
	}
	if l.options.Answer == nil {
		return refuse(errors.New("this node answers no questions"))
	}
	if !l.options.Trust().believes(c.key) {
		return refuse(errDropped)
	}
	b, err := l.options.Answer(ctx, Question{Kind: m.topic, Body: m.body, Paired: c.key != nil})
	if err != nil {
		return refuse(err)
	}
	reply := message{kind: answer, id: m.id, body: b}
	if err := reply.fits(); err != nil {
		return refuse(err)
	}
	return reply
}
