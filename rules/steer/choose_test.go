package steer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rempart/rempart/config"
)

// healths are those that the tests speak of.
const (
	isOnline = iota
	warnsOfLoss
	warnsOfDelay
	warnsOfJitter
	isDown
	isForced
	healthCount
)

func health(n int) Health {
	return [healthCount]Health{
		isOnline:      {},
		warnsOfLoss:   {State: Warning, Warned: config.Triggers{Loss: true}},
		warnsOfDelay:  {State: Warning, Warned: config.Triggers{Delay: true}},
		warnsOfJitter: {State: Warning, Warned: config.Triggers{Jitter: true}},
		isDown:        {State: Down, Warned: config.Triggers{Loss: true}},
		isForced:      {State: Forced},
	}[n]
}

func TestUsable(t *testing.T) {
	all := config.Triggers{Loss: true, Delay: true, Jitter: true}
	for _, c := range []struct {
		name     string
		triggers config.Triggers
		health   int
		want     bool
	}{
		{"online", all, isOnline, true},
		{"a warning is no trigger by itself", config.Triggers{}, warnsOfLoss, true},
		{"loss", config.Triggers{Loss: true}, warnsOfLoss, false},
		{"loss where delay is the trigger", config.Triggers{Delay: true}, warnsOfLoss, true},
		{"delay", config.Triggers{Delay: true}, warnsOfDelay, false},
		{"delay where jitter is the trigger", config.Triggers{Jitter: true}, warnsOfDelay, true},
		{"jitter", config.Triggers{Jitter: true}, warnsOfJitter, false},
		{"jitter where loss is the trigger", config.Triggers{Loss: true}, warnsOfJitter, true},
		{"down", config.Triggers{}, isDown, false},
		{"forced down", config.Triggers{}, isForced, false},
	} {
		g := Group{Triggers: c.triggers}
		if got := g.Usable(health(c.health)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestChoose(t *testing.T) {
	fibre, cable, lte := Member{"fibre", 3}, Member{"cable", 1}, Member{"lte", 1}
	tiers := [][]Member{{fibre, cable}, {lte}}
	for _, c := range []struct {
		name     string
		triggers config.Triggers
		lines    map[string]Health
		want     Choice
	}{
		{"nobody knows of any trouble", config.Triggers{}, nil, Choice{0, []Member{fibre, cable}}},
		{"one of the first tier is down", config.Triggers{},
			map[string]Health{"fibre": health(isDown)}, Choice{0, []Member{cable}}},
		{"the first tier is down", config.Triggers{},
			map[string]Health{"fibre": health(isDown), "cable": health(isForced)}, Choice{1, []Member{lte}}},
		{"all are down", config.Triggers{},
			map[string]Health{"fibre": health(isDown), "cable": health(isForced), "lte": health(isDown)}, Choice{}},
		{"a trigger takes one out", config.Triggers{Loss: true},
			map[string]Health{"fibre": health(warnsOfLoss)}, Choice{0, []Member{cable}}},
		{"triggers take the tier out", config.Triggers{Loss: true, Delay: true},
			map[string]Health{"fibre": health(warnsOfLoss), "cable": health(warnsOfDelay)}, Choice{1, []Member{lte}}},
		{"all that live are beyond a trigger: the first tier with a living one", config.Triggers{Loss: true},
			map[string]Health{"fibre": health(isDown), "cable": health(warnsOfLoss), "lte": health(warnsOfLoss)},
			Choice{0, []Member{cable}}},
		{"only a later tier lives, beyond a trigger", config.Triggers{Jitter: true},
			map[string]Health{"fibre": health(isDown), "cable": health(isDown), "lte": health(warnsOfJitter)},
			Choice{1, []Member{lte}}},
		{"lines of others play no part", config.Triggers{},
			map[string]Health{"dsl": health(isDown)}, Choice{0, []Member{fibre, cable}}},
	} {
		g := Group{Tiers: tiers, Triggers: c.triggers}
		if diff := cmp.Diff(c.want, g.Choose(c.lines)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestTierOf(t *testing.T) {
	g := Group{Tiers: [][]Member{{{"fibre", 1}, {"cable", 1}}, {{"lte", 1}}}}
	for name, want := range map[string]int{"fibre": 0, "cable": 0, "lte": 1, "dsl": -1} {
		if got := g.TierOf(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	c := &config.Config{
		Gateways: []config.Gateway{
			{Name: "fibre", Weight: 3, OnDown: config.OnDownBlock, FailOver: config.FailOverEnd},
			{Name: "cable", Weight: 1},
			{Name: "six", Weight: 2, Learned: config.LearnedRA},
		},
		GatewayGroups: []config.GatewayGroup{
			{
				Name: "uplinks", Tiers: [][]string{{"fibre"}, {"cable"}}, Triggers: config.Triggers{Delay: true}, Sticky: true,
				OnDown: config.OnDownNext, FailOver: config.FailOverMove, FailBack: config.FailBackDrain, Drain: time.Minute,
			},
			{Name: "sixes", Tiers: [][]string{{"six"}}},
		},
	}
	for _, w := range []struct {
		name string
		want Group
		ok   bool
	}{
		{"uplinks", Group{
			Name: "uplinks", Tiers: [][]Member{{{"fibre", 3}}, {{"cable", 1}}}, Triggers: config.Triggers{Delay: true}, Sticky: true,
			OnDown: config.OnDownNext, FailOver: config.FailOverMove, FailBack: config.FailBackDrain, Drain: time.Minute,
		}, true},
		{"sixes", Group{Name: "sixes", Tiers: [][]Member{{{"six", 2}}}, Is6: true}, true},
		{"fibre", Group{
			Name: "fibre", Tiers: [][]Member{{{"fibre", 3}}},
			OnDown: config.OnDownBlock, FailOver: config.FailOverEnd, FailBack: config.FailBackKeep,
		}, true},
		{"nobody", Group{}, false},
	} {
		got, ok := Find(c, w.name)
		if diff := cmp.Diff(w.want, got); diff != "" || ok != w.ok {
			t.Errorf("%s: %v (-want +got):\n%s", w.name, ok, diff)
		}
	}
}

func TestDealMixesEvenly(t *testing.T) {
	g := Group{Tiers: [][]Member{{{"a", 3}, {"b", 1}}}}
	slots := g.Deal(nil)
	if diff := cmp.Diff([]string{"a", "a", "b", "a", "a", "a", "b", "a"}, slots[:8]); diff != "" {
		t.Errorf("the first slots (-want +got):\n%s", diff)
	}
	if got := g.Deal(map[string]Health{"a": health(isDown), "b": health(isDown)}); got != nil {
		t.Errorf("of a group that is down: %v", got)
	}
}

func TestStateText(t *testing.T) {
	for state, want := range map[State]string{
		Online: "online", Warning: "warning", Down: "down", Forced: "forced down", 9: "state-9",
	} {
		if got := state.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
