package links

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Run keeps the machine as the last Apply wanted it until ctx ends: what
// others take away of it comes back within a second, and is waited for longer
// the longer they insist. What they add is left alone. A device that appears
// is configured. When it ends everything stays as it is.
func (o *Owner) Run(ctx context.Context) error {
	var listener sync.WaitGroup
	listener.Go(func() { o.listen(ctx) })
	defer listener.Wait()

	var p pace
	look := time.NewTimer(recheck)
	defer look.Stop()
	due := time.Now().Add(recheck)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.news:
			if at := p.news(time.Now()); at.Before(due) {
				due = at
				look.Reset(time.Until(due))
			}
		case <-look.C:
			mended, refused := o.mend(ctx)
			due = p.looked(time.Now(), mended, refused)
			look.Reset(time.Until(due))
		}
	}
}

// tell lets Run know that something may have changed. News that waits already
// is enough.
func (o *Owner) tell() { put(o.news) }

func (o *Owner) tellAll() {
	put(o.news)
	put(o.changed)
}

func put(news chan<- struct{}) {
	select {
	case news <- struct{}{}:
	default:
	}
}

// listen passes the kernel's news on, and starts anew when some was lost.
// Watch tells of a change at its start, so that whatever happened in between
// is looked for.
func (o *Owner) listen(ctx context.Context) {
	for {
		err := o.kernel.Watch(ctx, o.tellAll)
		if ctx.Err() != nil {
			return
		}
		o.stats.Resubscribed.Add(1)
		o.log.Warn("news of links was lost, listening anew", "cause", err)
		select {
		case <-ctx.Done():
		case <-time.After(relisten):
		}
	}
}

// mend looks once and reports whether something was done, and whether the
// kernel refused something. Trouble is told when it changes.
func (o *Owner) mend(ctx context.Context) (mended, refused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.applied {
		return false, false
	}
	done, unmet, err := o.settle(ctx)
	if ctx.Err() != nil {
		return false, false
	}
	for _, op := range done {
		o.stats.Mends.Add(1)
		o.log.Warn("mended", "op", op.String())
	}
	if err != nil {
		o.stats.Failures.Add(1)
	}
	trouble := text(errors.Join(append(unmet, err)...))
	if trouble != o.trouble && trouble != "" {
		o.log.Warn("links are not as the policy wants them", "cause", trouble)
	}
	o.trouble = trouble
	return len(done) > 0, err != nil
}
