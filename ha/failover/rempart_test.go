package failover_test

import (
	"testing"
	"time"
)

type rempart struct {
	interval time.Duration
}

func (r *rempart) name() string                         { return "rempart-" + r.interval.String() }
func (r *rempart) advert() time.Duration                { return r.interval }
func (r *rempart) against() string                      { return r.name() }
func (r *rempart) install(tb testing.TB, b *bed)        { tb.Skip("later") }
func (r *rempart) remove(tb testing.TB, b *bed)         {}
func (r *rempart) start(tb testing.TB, n *node)         {}
func (r *rempart) standsBy(tb testing.TB, n *node) bool { return false }
func (r *rempart) release(tb testing.TB, n *node)       {}
