package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// fake is a gateway that answers everything from what it is given, so that an
// answer shows what arrived.
type fake struct {
	err     error                 // what every question is answered with, unless nil
	late    error                 // what streams end with, after they told something
	calm    bool                  // answer lists with nil
	samples int                   // how many samples a history has
	during  func(context.Context) // runs inside Apply
	entries chan packetlog.Entry  // what Follow sends
	sync    *view.Sync            // of the pair
}

// moment is a time without a monotonic clock.
func moment() time.Time { return time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC) }

func (f *fake) Status(context.Context) (report.Status, error) {
	return report.Status{
		Name: "fw1", Revision: 7, Started: moment(), Since: moment(),
		Interfaces: []report.Link{{Name: "lan", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.2/28")}}},
	}, f.err
}

func (f *fake) Check(_ context.Context, d report.Draft, _ report.Caller) (report.Preview, error) {
	return report.Preview{Hash: d.PolicyName, Diff: fmt.Sprintf("%x", sha256.Sum256(d.Policy)), Ruleset: string(d.Node)}, f.err
}

func (f *fake) Apply(ctx context.Context, r report.Request, by report.Caller) (report.Applied, error) {
	if f.during != nil {
		f.during(ctx)
	}
	return report.Applied{
		Hash: r.Base, Revision: r.Confirm, Deadline: by.Connected.Round(0).UTC(),
		Changes: []string{r.Message, r.PolicyName, fmt.Sprint(by.UID), fmt.Sprint(by.PID), by.Name},
	}, f.err
}

func (f *fake) Confirm(_ context.Context, by report.Caller) (report.Applied, error) {
	return report.Applied{Deadline: by.Connected.Round(0).UTC()}, f.err
}

func (f *fake) Rollback(_ context.Context, revision int, _ report.Caller) (report.Applied, error) {
	return report.Applied{Revision: revision}, f.err
}

func (f *fake) History(context.Context) ([]report.Revision, error) {
	return some(f, report.Revision{Number: 2, Time: moment(), Current: true}, report.Revision{Number: 1, Time: moment()}), f.err
}

func (f *fake) Revision(_ context.Context, number int) (report.Revision, error) {
	return report.Revision{Number: number, Time: moment(), Policy: []byte("schema = 1\n")}, f.err
}

func (f *fake) Ruleset(context.Context) (string, error) { return "table inet rempart {\n}\n", f.err }

func (f *fake) Rules(_ context.Context, all bool) ([]report.Rule, error) {
	return some(f, report.Rule{Name: "web", Active: all}), f.err
}

func (f *fake) Aliases(context.Context) ([]report.Alias, error) {
	return some(f, report.Alias{Name: "admins"}), f.err
}

func (f *fake) Alias(_ context.Context, name string) (report.Alias, error) {
	return report.Alias{Name: name}, f.err
}

func (f *fake) RefreshAlias(_ context.Context, name string, force bool) error {
	if f.err == nil {
		return fmt.Errorf("%w: %s %v", report.ErrConflict, name, force)
	}
	return f.err
}

func (f *fake) Routes(_ context.Context, all bool) ([]report.Route, error) {
	return some(f, report.Route{
		Destination: netip.MustParsePrefix("0.0.0.0/0"), Installed: all,
		Ways: []report.RouteWay{{Gateway: "fibre", Via: netip.MustParseAddr("203.0.113.1"), Interface: "wan"}},
	}), f.err
}

func (f *fake) Lines(context.Context) (report.Lines, error) {
	return report.Lines{
		Gateways: some(f, report.Gateway{
			Name: "fibre", Address: netip.MustParseAddr("203.0.113.1"), Loss: 0.5, Delay: report.Delay(4321 * time.Microsecond),
			Targets: []report.GatewayTarget{{Target: "192.0.2.53", Delay: report.Delay(time.Second), LastAnswer: moment()}},
		}),
		Groups: some(f, report.GatewayGroup{Name: "internet", Members: []report.GroupMember{{Gateway: "fibre", Share: 33.3}}}),
	}, f.err
}

func (f *fake) GatewayHistory(_ context.Context, name string, since time.Time) (report.GatewayHistory, error) {
	h := report.GatewayHistory{Gateway: name, Since: since, Transitions: some(f, report.GatewayTransition{Time: moment(), To: report.GatewayDown})}
	for i := range f.samples {
		h.Samples = append(h.Samples, report.GatewaySample{Seconds: i})
	}
	return h, f.err
}

func (f *fake) Schedules(context.Context) ([]report.Schedule, error) {
	return some(f, report.Schedule{Name: "office", Next: moment()}), f.err
}

func (f *fake) Explain(_ context.Context, q report.Question) (report.Explanation, error) {
	return report.Explanation{Packet: q.Packet, At: q.At, Reply: q.Reply, Via: netip.MustParseAddr("203.0.113.1"), Source: netip.AddrPortFrom(netip.Addr{}, 0)}, f.err
}

func (f *fake) Live(ctx context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error {
	if f.err != nil {
		return f.err
	}
	lines := []report.LiveLine{
		{Begin: &report.LiveBegin{Flow: q.Flow, Reply: q.Reply, Count: q.Count, Until: moment()}},
		{Packet: &report.LivePacket{Time: moment(), Packet: "tcp", Verdict: "pass", Steps: []report.LiveStep{{Chain: "forward"}}}},
	}
	for _, l := range lines {
		if err := tell(l); err != nil {
			return err
		}
	}
	if f.calm { // it waits for packets that do not come
		<-ctx.Done()
		return nil
	}
	if f.during != nil {
		f.during(ctx)
	}
	return tell(report.LiveLine{End: &report.LiveEnd{Packets: q.Seconds}})
}

func (f *fake) Flows(_ context.Context, words []string) ([]flows.Flow, error) {
	return some(f, flows.Flow{ID: uint32(len(words)), Orig: flows.Tuple{
		Proto: 6, Src: netip.MustParseAddrPort("10.1.2.9:40000"), Dst: netip.MustParseAddrPort("198.51.100.7:443"),
	}}), f.err
}

func (f *fake) EndFlows(_ context.Context, words []string, _ report.Caller) (int, error) {
	return len(words), f.err
}

func (f *fake) Log(_ context.Context, words []string, most int) ([]packetlog.Entry, error) {
	return some(f, sample()), errors.Join(f.err, wants(len(words)+most == 12, "words and max"))
}

func (f *fake) Follow(_ context.Context, words []string) (<-chan packetlog.Entry, error) {
	return f.entries, errors.Join(f.err, wants(len(words) == 2, "words"))
}

func some[T any](f *fake, list ...T) []T {
	if f.calm {
		return nil
	}
	return list
}

func wants(ok bool, what string) error {
	if ok {
		return nil
	}
	return errors.New(what + " did not arrive")
}

// backends is all that the API can be asked.
type backends interface {
	Backend
	Pair
}

// serving runs a server of b and returns the path of its socket. It stops with the test.
func serving(t *testing.T, b backends) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "run", "rempart.sock")
	log := hclog.NewNullLogger()
	s, err := Listen(socket, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, Handler(b, b, log)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return socket
}

// sample is an entry of the log.
func sample() packetlog.Entry {
	return packetlog.Entry{
		Time: moment(), Reason: packetlog.Reason{Action: packetlog.Block, Cause: packetlog.CauseDefault}, In: "eth1", InName: "lan",
		Packet: packetlog.Packet{Proto: 6, Src: netip.MustParseAddr("10.1.2.9"), Dst: netip.MustParseAddr("198.51.100.7"), SrcPort: 40000, DstPort: 443},
	}
}
