package main

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/ha/view"
)

// TestAnnouncer: a code is told at once, a try when nothing came of it, and nothing after the end.
func TestAnnouncer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int
		a := announcer{tell: func(i view.Invitation) error { told = append(told, i.Tries); return nil }}
		heard := func() []int {
			a.mu.Lock()
			defer a.mu.Unlock()
			return slices.Clone(told)
		}
		a.invitation(view.Invitation{Tries: 10})
		a.invitation(view.Invitation{Tries: 9})
		synctest.Wait()
		if now := heard(); !slices.Equal(now, []int{10}) {
			t.Errorf("told %v at once", now)
		}
		time.Sleep(2 * tryTime)
		synctest.Wait()
		if now := heard(); !slices.Equal(now, []int{10, 9}) {
			t.Errorf("told %v when a try had failed", now)
		}
		a.invitation(view.Invitation{Tries: 8})
		a.end()
		time.Sleep(2 * tryTime)
		synctest.Wait()
		if now := heard(); !slices.Equal(now, []int{10, 9}) {
			t.Errorf("told %v after the end", now)
		}
		var failed error
		gone := errors.New("whoever asked is gone")
		b := announcer{tell: func(view.Invitation) error { return gone }, fail: func(err error) { failed = err }}
		b.invitation(view.Invitation{})
		if !errors.Is(failed, gone) {
			t.Errorf("failed with %v", failed)
		}
	})
}
