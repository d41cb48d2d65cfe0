package firewall

import (
	"context"
	"time"

	"github.com/rempart/rempart/firewall/nft"
)

// mendAfter joins changes that come close together, and bounds how often the
// table is put back when somebody insists.
const mendAfter = time.Second

// tampered notes that somebody else changed our table. It is put back soon:
// what a policy says must be what is enforced.
func (f *Firewall) tampered(e nft.Event, now time.Time) {
	if f.running == nil {
		return
	}
	if f.mendAt.IsZero() {
		f.mendAt = now.Add(mendAfter)
	}
	if e.Lost {
		return // perhaps nothing happened; mending finds out
	}
	f.fault(aboutTamper, "%s: process %q (%d) changed table inet %s; it is put back", now.Format(time.TimeOnly), e.Process, e.PID, TableName)
}

// mend puts back what somebody changed.
func (f *Firewall) mend(ctx context.Context, now time.Time) {
	if f.mendAt.IsZero() || now.Before(f.mendAt) {
		return
	}
	f.mendAt = time.Time{}
	f.table.known = false
	if err := f.enforce(ctx); err != nil {
		f.fault(aboutTable, "put the table back, tried again soon: %v", err)
		f.mendAt = now.Add(retryEvery)
		return
	}
	f.healed(aboutTable)
}

// enforce puts what runs into the kernel. On a machine that never had a policy the table goes.
func (f *Firewall) enforce(ctx context.Context) error {
	switch {
	case f.running != nil:
		return f.put(ctx, f.running.ruleset)
	case f.closeWithout:
		return f.put(ctx, Closed())
	}
	f.table = table{}
	return f.Kernel.Delete(ctx)
}
