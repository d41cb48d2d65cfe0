package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"golang.org/x/sys/unix"
)

// question is one call of a Backend or a Pair with arguments that matter.
type question struct {
	name string
	ask  func(context.Context, backends) (any, error)
}

func questions() []question {
	draft := report.Draft{PolicyName: "rempart.toml", Policy: []byte("schema = 1\n\x00\xff"), NodeName: "node.toml", Node: []byte("name = \"fw1\"\n")}
	return append(pairQuestions(), []question{
		{"Status", func(ctx context.Context, b backends) (any, error) { return b.Status(ctx) }},
		{"Check", func(ctx context.Context, b backends) (any, error) { return b.Check(ctx, draft, report.Caller{}) }},
		{"Rollback", func(ctx context.Context, b backends) (any, error) { return b.Rollback(ctx, 4, report.Caller{}) }},
		{"Rollback of what is pending", func(ctx context.Context, b backends) (any, error) { return b.Rollback(ctx, 0, report.Caller{}) }},
		{"History", func(ctx context.Context, b backends) (any, error) { return b.History(ctx) }},
		{"Revision", func(ctx context.Context, b backends) (any, error) { return b.Revision(ctx, 41) }},
		{"Ruleset", func(ctx context.Context, b backends) (any, error) { return b.Ruleset(ctx) }},
		{"Rules", func(ctx context.Context, b backends) (any, error) { return b.Rules(ctx, false) }},
		{"Rules, all", func(ctx context.Context, b backends) (any, error) { return b.Rules(ctx, true) }},
		{"Aliases", func(ctx context.Context, b backends) (any, error) { return b.Aliases(ctx) }},
		{"Alias", func(ctx context.Context, b backends) (any, error) { return b.Alias(ctx, "a b/ü%2F?") }},
		{"Routes", func(ctx context.Context, b backends) (any, error) { return b.Routes(ctx, false) }},
		{"Routes, all", func(ctx context.Context, b backends) (any, error) { return b.Routes(ctx, true) }},
		{"Lines", func(ctx context.Context, b backends) (any, error) { return b.Lines(ctx) }},
		{"GatewayHistory", func(ctx context.Context, b backends) (any, error) {
			return b.GatewayHistory(ctx, "a b/ü%2F?", moment())
		}},
		{"GatewayHistory, all", func(ctx context.Context, b backends) (any, error) { return b.GatewayHistory(ctx, "fibre", time.Time{}) }},
		{"Schedules", func(ctx context.Context, b backends) (any, error) { return b.Schedules(ctx) }},
		{"Explain", func(ctx context.Context, b backends) (any, error) {
			return b.Explain(ctx, report.Question{Packet: "lan gre 10.1.2.9 -> 198.51.100.7", At: moment(), Reply: true})
		}},
		{"Flows", func(ctx context.Context, b backends) (any, error) { return b.Flows(ctx, []string{"host", "10.1.2.9"}) }},
		{"Flows, all", func(ctx context.Context, b backends) (any, error) { return b.Flows(ctx, nil) }},
		{"EndFlows", func(ctx context.Context, b backends) (any, error) {
			return b.EndFlows(ctx, []string{"host", "10.1.2.9"}, report.Caller{})
		}},
		{"Log", func(ctx context.Context, b backends) (any, error) {
			return b.Log(ctx, []string{"host", "10.1.2.9"}, 10)
		}},
		{"RefreshAlias", func(ctx context.Context, b backends) (any, error) { return nil, b.RefreshAlias(ctx, "drop list", true) }},
	}...)
}

func TestClientHearsWhatTheBackendSays(t *testing.T) {
	for _, calm := range []bool{false, true} {
		b := &fake{calm: calm}
		client := Dial(serving(t, b))
		for _, q := range questions() {
			t.Run(fmt.Sprintf("%s, calm %v", q.name, calm), func(t *testing.T) {
				want, wantErr := q.ask(t.Context(), b)
				got, err := q.ask(t.Context(), client)
				if fmt.Sprint(err) != fmt.Sprint(wantErr) {
					t.Errorf("error %v, want %v", err, wantErr)
				}
				same := []cmp.Option{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})}
				if diff := cmp.Diff(want, got, same...); diff != "" {
					t.Errorf("-backend +client:\n%s", diff)
				}
			})
		}
	}
}

func TestClientHearsErrors(t *testing.T) {
	faults := config.Errors{{Position: config.Position{File: "rempart.toml", Line: 17, Col: 8}, Key: "rule[1].from", Msg: `no zone "dmx"`}}
	for _, c := range []struct {
		name     string
		err      error
		request  bool
		conflict bool
		faults   int
		lockout  bool
		peer     string
	}{
		{"request", fmt.Errorf("%w: no rule %q", report.ErrRequest, "x"), true, false, 0, false, ""},
		{"conflict", fmt.Errorf("apply: %w: another was quicker", report.ErrConflict), false, true, 0, false, ""},
		{"refused", errors.New("replace ruleset: no space left on device"), false, false, 0, false, ""},
		{"faults", fmt.Errorf("%w: %w", report.ErrRequest, faults), true, false, 1, false, ""},
		{"tests", report.TestsFailed{{File: "rempart.toml", Line: 9, Message: "no"}, {File: "rempart.toml", Line: 12}}, true, false, 2, false, ""},
		{"lockout", &report.Lockout{Message: "no way back"}, true, false, 0, true, ""},
		{"peer", &report.PeerRefused{PeerReport: report.PeerReport{Node: "fw2", State: report.PeerRefuses, Faults: []report.Fault{{File: "node.toml", Line: 3}}}}, true, false, 1, false, "fw2"},
		{"peer that has no room", &report.PeerRefused{PeerReport: report.PeerReport{Node: "fw2", State: report.PeerRefuses, Message: "its disk is full"}}, true, false, 0, false, "fw2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := Dial(serving(t, &fake{err: c.err}))
			for _, q := range questions() {
				_, err := q.ask(t.Context(), client)
				if err == nil || err.Error() != c.err.Error() {
					t.Fatalf("%s: error %v, want %v", q.name, err, c.err)
				}
				if errors.Is(err, report.ErrRequest) != c.request || errors.Is(err, report.ErrConflict) != c.conflict {
					t.Errorf("%s: %v is not of the kind it was sent as", q.name, err)
				}
				var f *Failure
				if !errors.As(err, &f) || len(f.Faults) != c.faults || (f.Lockout != nil) != c.lockout || f.Peer != c.peer {
					t.Errorf("%s: %#v, want %d faults", q.name, err, c.faults)
				}
				if c.peer != "" && c.faults > 0 && f.Faults[0].File != "fw2: node.toml" {
					t.Errorf("%s: a fault in %s", q.name, f.Faults[0].File)
				}
			}
		})
	}
}

func TestServerKnowsWhoAsks(t *testing.T) {
	before := time.Now()
	client := Dial(serving(t, new(fake)))
	request := report.Request{Draft: report.Draft{PolicyName: "edge.toml"}, Message: "for the phones", Confirm: 60, Base: "f00d"}
	a, err := client.Apply(t.Context(), request, report.Caller{UID: 4711, Name: "somebody else"})
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"for the phones", "edge.toml", me.Uid, fmt.Sprint(os.Getpid()), me.Username}
	if diff := cmp.Diff(want, a.Changes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if a.Hash != "f00d" || a.Revision != 60 {
		t.Errorf("base %q, confirm %d arrived", a.Hash, a.Revision)
	}
	after, err := client.Confirm(t.Context(), report.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Deadline.After(before) || !after.Deadline.After(a.Deadline) {
		t.Errorf("connected at %v and %v, want two connections after %v", a.Deadline, after.Deadline, before)
	}
}

func TestFollow(t *testing.T) {
	b := &fake{entries: make(chan packetlog.Entry)}
	client := Dial(serving(t, b))
	ctx, stop := context.WithCancel(t.Context())
	entries, err := client.Follow(ctx, []string{"action", "block"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		sent := sample()
		sent.Lost = uint64(i)
		b.entries <- sent
		if diff := cmp.Diff(sent, <-entries, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("-sent +got:\n%s", diff)
		}
	}
	stop()
	if e, more := <-entries; more {
		t.Errorf("entry %v after the end", e)
	}
}

func TestFollowEndsWithTheBackend(t *testing.T) {
	b := &fake{entries: make(chan packetlog.Entry)}
	entries, err := Dial(serving(t, b)).Follow(t.Context(), []string{"action", "block"})
	if err != nil {
		t.Fatal(err)
	}
	close(b.entries)
	if e, more := <-entries; more {
		t.Errorf("entry %v after the end", e)
	}
}

func TestNoDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "rempart.sock")
	_, err := Dial(socket).Status(t.Context())
	want := "no daemon answers at " + socket + ": start it with `rempart run` or `systemctl start rempart`"
	if err == nil || err.Error() != want || !errors.Is(err, ErrNoDaemon) {
		t.Errorf("error %v, want %s", err, want)
	}
	if errors.Is(err, report.ErrRequest) {
		t.Error("it is not the request that is wrong")
	}
}

func TestAliasNamesThatAreNoNames(t *testing.T) {
	client := Dial(filepath.Join(t.TempDir(), "nobody"))
	for _, name := range []string{"", ".", ".."} {
		if _, err := client.Alias(t.Context(), name); !errors.Is(err, report.ErrRequest) {
			t.Errorf("alias %q: %v", name, err)
		}
		if err := client.RefreshAlias(t.Context(), name, false); !errors.Is(err, report.ErrRequest) {
			t.Errorf("refresh %q: %v", name, err)
		}
	}
}

func TestDraftSize(t *testing.T) {
	d := report.Draft{PolicyName: "rempart.toml", Policy: make([]byte, maxPolicy)}
	if err := checkDraft(d); err != nil {
		t.Errorf("the largest policy: %v", err)
	}
	if n := base64.StdEncoding.EncodedLen(maxPolicy); n+1024 > maxDraftBody {
		t.Errorf("the largest policy takes %d bytes and finds no room in a body of %d", n, maxDraftBody)
	}
	d.Node = []byte("#")
	if err := checkDraft(d); !errors.Is(err, report.ErrRequest) {
		t.Errorf("one byte more: %v", err)
	}
}

// TestLive hears every line, and an end that is no end.
func TestLive(t *testing.T) {
	q := report.LiveQuestion{Flow: "lan ->", Seconds: 7, Count: 3, Reply: true}
	hear := func(ctx context.Context, b Backend, each func()) (lines []report.LiveLine, err error) {
		err = b.Live(ctx, q, func(l report.LiveLine) error {
			lines = append(lines, l)
			each()
			return nil
		})
		return lines, err
	}
	want, _ := hear(t.Context(), new(fake), func() {})
	got, err := hear(t.Context(), Dial(serving(t, new(fake))), func() {})
	if diff := cmp.Diff(want, got); diff != "" || err != nil || len(got) != 3 {
		t.Errorf("%v\n-backend +client:\n%s", err, diff)
	}

	for name, refusal := range map[string]error{"request": report.Requestf("no arrow"), "conflict": report.Conflictf("too many")} {
		lines, err := hear(t.Context(), Dial(serving(t, &fake{err: refusal})), func() {})
		if len(lines) > 0 || fmt.Sprint(err) != refusal.Error() || errors.Is(err, report.ErrRequest) != errors.Is(refusal, report.ErrRequest) {
			t.Errorf("%s: %v, %d lines", name, err, len(lines))
		}
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if lines, err := hear(ctx, Dial(serving(t, &fake{calm: true})), stop); err != nil || len(lines) == 0 {
		t.Errorf("who goes away has %d lines, %v", len(lines), err)
	}

	broken := &fake{during: func(context.Context) { panic("no end") }}
	if lines, err := hear(t.Context(), Dial(serving(t, broken)), func() {}); err == nil || len(lines) != 2 {
		t.Errorf("broken off after %d lines: %v", len(lines), err)
	}

	deaf := errors.New("deaf")
	left := leaver{&fake{calm: true}, make(chan struct{})}
	err = Dial(serving(t, left)).Live(t.Context(), q, func(report.LiveLine) error { return deaf })
	if !errors.Is(err, deaf) {
		t.Errorf("who cannot be told: %v", err)
	}
	select {
	case <-left.gone:
	case <-time.After(10 * time.Second):
		t.Error("the backend does not learn that its client left")
	}
}

// leaver tells when its Live has ended.
type leaver struct {
	*fake
	gone chan struct{}
}

func (l leaver) Live(ctx context.Context, q report.LiveQuestion, tell func(report.LiveLine) error) error {
	defer close(l.gone)
	return l.fake.Live(ctx, q, tell)
}

// TestClientWaitsBeforeAFullDoor dials a socket that accepts nobody for a while.
func TestClientWaitsBeforeAFullDoor(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: socket}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := net.Dial("unix", socket); !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("the door is not full: %v", err)
	}
	knocked := make(chan error, 1)
	go func() {
		c, err := knock(t.Context(), socket)
		if err == nil {
			err = c.Close()
		}
		knocked <- err
	}()
	in, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(in)
	if err := <-knocked; err != nil {
		t.Error(err)
	}
}
