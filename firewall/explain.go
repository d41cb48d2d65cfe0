package firewall

import (
	"context"

	"github.com/rempart/rempart/firewall/report"
)

// Explain says what becomes of a packet under the policy that runs, with what
// its aliases hold now.
func (f *Firewall) Explain(ctx context.Context, q report.Question) (report.Explanation, error) {
	return do(ctx, f, func(context.Context) (report.Explanation, error) {
		if f.running == nil {
			return report.Explanation{}, report.Conflictf("no policy runs: `rempart apply`")
		}
		if _, err := f.running.world.Config.Packet(q.Packet); err != nil {
			return report.Explanation{}, report.Requestf("%w", err)
		}
		return report.Explanation{Packet: q.Packet}, nil
	})
}
