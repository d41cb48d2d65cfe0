package gateways

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/rules/steer"
)

// TestSendFails: a question that cannot leave is lost, with the reason.
func TestSendFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "192.0.2.1")
		s.Set([]Watched{watched("fibre", 1)})
		s.fake.Refuse(errors.New("network is unreachable"))
		s.run()
		defer s.stop()
		s.after(3 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
		got := s.Status()[0].Targets[0]
		if got.Fault != "network is unreachable" || got.Lost != got.Sent || got.Lost < 5 || !got.Silent {
			t.Errorf("%+v", got)
		}
		s.fake.Refuse(nil)
		s.after(time.Second)
		if got := s.Status()[0].Targets[0]; got.Fault != "" || got.Silent || got.Lost != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestForgedAnswers: nothing that is not just as it was asked for counts.
func TestForgedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := watched("fibre", 1)
		w.Monitor.Targets = append(w.Monitor.Targets,
			config.Probe{Kind: config.ProbeTCP, Address: netip.MustParseAddr("198.51.100.7"), Port: 443},
			config.Probe{Kind: config.ProbeDNS, Address: netip.MustParseAddr("198.51.100.53"), Port: 53, Name: "example.org."})
		s.Set([]Watched{w})
		s.run()
		defer s.stop()
		s.after(600 * ms)
		injected := uint64(0)
		for _, q := range s.fake.Sent() {
			good := FakeHost{}.Reply(q)
			forge := func(what string, change func(*Reply)) {
				r := good
				r.Packet = slices.Clone(good.Packet)
				change(&r)
				s.fake.Inject(r)
				synctest.Wait()
				injected++
				if got := s.Ignored(); got != injected {
					t.Errorf("%s counts, of a question of kind %d", what, q.Kind)
					injected = got
				}
			}
			forge("another kind", func(r *Reply) { r.Kind = q.Kind%3 + 1 })
			if q.Kind != config.ProbeICMP {
				forge("another question", func(r *Reply) { r.ID++ })
			}
			if q.Kind == config.ProbeDNS {
				forge("another identifier", func(r *Reply) { r.Packet[1]++ })
				forge("no answer", func(r *Reply) { r.Packet = nil })
			}
			if q.Kind != config.ProbeICMP {
				continue
			}
			e := s.asked[q.ID].echo
			packet := func(e echo) []byte { return echoReply(e.append(nil, false), false) }
			forge("another source", func(r *Reply) { r.From = r.From.Next() })
			forge("another device", func(r *Reply) { r.Device = "eth9" })
			forge("another token", func(r *Reply) { r.Packet = packet(echo{e.id, e.seq, e.token + 1}) })
			forge("another identifier", func(r *Reply) { r.Packet = packet(echo{e.id + 1, e.seq, e.token}) })
			forge("another number", func(r *Reply) { r.Packet = packet(echo{e.id, e.seq + 1, e.token}) })
			forge("a damaged packet", func(r *Reply) { r.Packet[len(r.Packet)-9]++ })
			s.fake.Inject(good)
			synctest.Wait()
			if got := s.Status()[0].Targets[0].Answered; !got.Equal(time.Now()) {
				t.Error("the true answer does not count")
			}
			forge("the true answer, for a second time", func(*Reply) {})
		}
		if injected < 14 {
			t.Errorf("%d answers were forged", injected)
		}
		s.after(3 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
	})
}

// TestFailuresOfAnswers: an error in place of an answer is the fault of a target.
func TestFailuresOfAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := watched("fibre", 1)
		web := netip.MustParseAddr("198.51.100.7")
		w.Monitor.Targets = []config.Probe{{Kind: config.ProbeTCP, Address: web, Port: 443}}
		s.fake.Answer(web, FakeHost{Err: errors.New("no route to host")})
		s.Set([]Watched{w})
		s.run()
		defer s.stop()
		s.after(5 * time.Second)
		s.is(map[string]steer.State{"fibre": steer.Down}, true)
		if got := s.Status()[0].Targets[0].Fault; got != "no route to host" {
			t.Errorf("fault %q", got)
		}
	})
}
