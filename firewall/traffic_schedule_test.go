package firewall

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
	"github.com/rempart/rempart/schedules"
)

// later is a schedule that is off now, by the clock that the test runs at. The
// edges of a policy's schedules are whole minutes, so the tests put an edge of
// their own into the world that was made from it.
func later() string {
	from := time.Now().UTC().Add(12 * time.Hour).Truncate(time.Hour)
	return fmt.Sprintf(`
[schedule.late]
times = ["%s-%s"]

[[rule]]
name = "timed"
schedule = "late"
protocol = "tcp"
action = "pass"

[[rule]]
name = "free"
protocol = "udp"
action = "pass"
`, from.Format("15:04"), from.Add(30*time.Minute).Format("15:04"))
}

// onUntil makes the schedule on until a time, as if its policy said so, in the kernel and in the gateway.
func (s *site) onUntil(t *testing.T, end time.Time) {
	t.Helper()
	_, err := do(t.Context(), s.Firewall, func(ctx context.Context) (struct{}, error) {
		w := *s.running.world
		w.Schedules = map[string][]schedules.Interval{"late": {{Start: end.Add(-time.Hour), End: end}}}
		ruleset := Compile(&w)
		if err := s.put(ctx, ruleset); err != nil {
			return struct{}{}, err
		}
		s.running.world, s.running.ruleset = &w, ruleset
		return struct{}{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTrafficScheduleEnds lets the time of a rule run out under a connection:
// the connection is ended and no new one comes in.
func TestTrafficScheduleEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, later())
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"})
	end := time.Now().Add(3 * time.Second)
	s.onUntil(t, end)
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Open, by: "timed"})
	call := s.open(t, 1, "10.1.3.10:443", "10.1.2.9:0")[0]
	if err := call.Echo(within(t, waitAtMost)); err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); now.After(end) {
		t.Skipf("the machine is too busy: the schedule ended %s ago", now.Sub(end))
	}
	if list, err := s.Flows(t.Context(), []string{"rule", "timed", "port", "443"}); err != nil || len(list) != 1 {
		t.Errorf("flows of the rule: %v, %v", list, err)
	}
	await(t, "end of the rule's flows", func() bool {
		list, err := s.Flows(t.Context(), []string{"rule", "timed"})
		return err == nil && len(list) == 0
	})
	if now := time.Now(); now.Before(end) {
		t.Errorf("they were ended %s too early", end.Sub(now))
	}
	if err := call.Echo(within(t, 5*patience)); err == nil {
		t.Error("the connection lives on")
	}
	s.check(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Timeout, by: "block_default"})
	s.check(t, probe{try: "office udp 10.1.3.10:53", want: lab.Open, by: "free"})
}

// TestTrafficScheduleWithoutDaemon leaves the kernel alone with its clock.
func TestTrafficScheduleWithoutDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.apply(t, later())
	end := time.Now().Add(2 * time.Second)
	s.onUntil(t, end)
	s.stop()
	if r := s.send(t, probe{try: "office tcp 10.1.3.10:80"}); r.Outcome != lab.Open && time.Now().Before(end) {
		t.Errorf("before the end: %s", r)
	}
	await(t, "end of the schedule", func() bool { return time.Now().After(end) })
	if r := s.send(t, probe{try: "office tcp 10.1.3.10:80", want: lab.Timeout}); r.Outcome != lab.Timeout {
		t.Errorf("after the end: %s", r)
	}
	if r := s.send(t, probe{try: "office udp 10.1.3.10:53"}); r.Outcome != lab.Open {
		t.Errorf("a rule without a schedule: %s", r)
	}
}
