package ha

import (
	"strings"
	"testing"

	"github.com/rempart/rempart/ha/view"
)

// TestUnequalLimits: each difference that is told says what to do about it; one by which flows are lost is bad.
func TestUnequalLimits(t *testing.T) {
	for name, want := range map[string]struct {
		how    view.Result
		remedy string
	}{
		"nf_conntrack_max":                     {view.Bad, "flow_table"},
		"nf_conntrack_buckets":                 {view.Doubt, "flow_table"},
		"nf_conntrack_events":                  {view.Bad, "apply the policy on both"},
		"nf_conntrack_expect_max":              {view.Bad, "equal on both"},
		"nf_conntrack_tcp_loose":               {view.Bad, "invalid on the other"},
		"nf_conntrack_tcp_be_liberal":          {view.Bad, "invalid on the other"},
		"nf_conntrack_acct":                    {view.Doubt, "bytes"},
		"nf_conntrack_timestamp":               {view.Doubt, "age"},
		"nf_conntrack_tcp_timeout_established": {view.Doubt, "idle flows"},
		"nf_conntrack_udp_timeout":             {view.Doubt, "idle flows"},
	} {
		if how, remedy := unequal(name); how != want.how || !strings.Contains(remedy, want.remedy) {
			t.Errorf("%s: %s, %q", name, how, remedy)
		}
	}
}
