package firewall

import (
	"context"
	"fmt"
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
	const format = "%s: process %q (%d) changed table inet %s; it is put back"
	args := []any{now.Format(time.TimeOnly), e.Process, e.PID, TableName}
	if f.changes++; f.changes == 1 {
		f.fault(aboutTamper, format, args...)
		return
	}
	// Who changes it a thousand times a second does not fill the log as well.
	f.faults[aboutTamper] = fmt.Sprintf(format, args...)
}

// mend puts back what somebody changed.
func (f *Firewall) mend(ctx context.Context, now time.Time) {
	if f.mendAt.IsZero() || now.Before(f.mendAt) {
		return
	}
	if f.changes > 1 {
		f.log.Warn("table was changed again and again", "times", f.changes)
	}
	f.mendAt, f.changes = time.Time{}, 0
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
	f.table.known = false
	return f.Kernel.Delete(ctx)
}
