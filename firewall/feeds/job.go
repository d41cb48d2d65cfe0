package feeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	lookupTimeout = 30 * time.Second
	fetchTimeout  = 5 * time.Minute
)

// job is one try to learn from a source: all that it needs, so that it runs
// beside everything else.
type job struct {
	want
	source  *source
	known   content
	verdict verdict
	force   bool
}

// outcome is what came of a job.
type outcome struct {
	source   *source
	known    content // as it is from now on
	changed  bool    // known means other addresses than before
	answered bool    // the source gave, or confirmed, the content in use
	err      error
	retry    bool          // it was no full success: be due early
	next     time.Duration // until it is due as things are; 0: unknown
	verdict  verdict
}

// outcome is that of a job which changed nothing.
func (j job) outcome() outcome {
	return outcome{source: j.source, known: j.known, verdict: j.verdict}
}

// learn does a job. It returns soon after ctx ends.
func (f *Feeds) learn(ctx context.Context, j job) outcome {
	if j.kind == Name {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		return f.resolve(ctx, j)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	o := f.fetch(ctx, j)
	if o.err != nil {
		o.err = fmt.Errorf("fetch %s: %w", redact(j.url), o.err)
	}
	return o
}

// fetch brings a list if it changed, and judges it.
func (f *Feeds) fetch(ctx context.Context, j job) outcome {
	o := j.outcome()
	var have Version
	if j.known.url == j.url && !j.force {
		have = j.known.version
	}
	doc, err := f.fetcher.Fetch(ctx, j.url, have)
	if err != nil {
		o.err, o.retry = err, true
		return o
	}
	if doc.Unchanged {
		o.answered, o.next = true, j.refresh
		o.verdict.held = 0
		o.err = f.store.confirm(j.key, time.Now())
		return o
	}
	defer doc.Body.Close()
	l, err := readDocument(doc.Body)
	if err != nil {
		o.err, o.retry = err, true
		return o
	}
	o.next = min(j.refresh, listRetryMax)
	if o.verdict, o.err = judge(l, j.comparable(), j.force); o.err != nil {
		return o
	}
	o.next = j.refresh
	if err := f.take(ctx, l, doc.Version, &o); err != nil {
		return outcome{source: j.source, known: j.known, err: err, retry: true}
	}
	o.changed = j.known.list == nil || !o.known.list.Equal(j.known.list)
	o.err = f.store.save(j.key, o.known)
	return o
}

// comparable counts the lines that a fetched list is held against.
func (j job) comparable() int {
	if j.known.url != j.url {
		return 0
	}
	return j.known.lines
}

// take makes the list the content of its source. Sets of a million entries are
// built one after the other, for the sake of small machines.
func (f *Feeds) take(ctx context.Context, l *lines, v Version, o *outcome) error {
	select {
	case f.parsing <- struct{}{}:
		defer func() { <-f.parsing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	set, err := l.set()
	if err != nil {
		return err
	}
	o.known = content{list: set, lines: l.good(), url: o.source.url, version: v}
	o.answered = true
	return nil
}

// readDocument reads a list that may be compressed.
func readDocument(body io.Reader) (*lines, error) {
	plain, err := decompress(body, maxBytes)
	if err != nil {
		return nil, err
	}
	l, err := readLines(plain, maxLines)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("read: not whole after %s: check the line, or take a smaller list", fetchTimeout)
	}
	return l, err
}
