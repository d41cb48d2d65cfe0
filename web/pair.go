package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/rempart/rempart/ha/view"
)

// The bodies of requests and answers that view has no shape for.
type (
	maintenanceRequest struct {
		On *bool `json:"on"`
	}
	// doctorLine is one of the lines that POST /v1/ha/doctor answers with.
	doctorLine struct {
		Finding *view.Finding `json:"finding,omitempty"`
		End     *empty        `json:"end,omitempty"`
		Failed  *Failure      `json:"failed,omitempty"`
	}
	// drillLine is one of the lines that POST /v1/ha/drill answers with.
	drillLine struct {
		Leg    *view.DrillLeg `json:"leg,omitempty"`
		End    *view.Drill    `json:"end,omitempty"`
		Failed *Failure       `json:"failed,omitempty"`
	}
)

// maxDrillRate is how many questions a second a drill may ask each host.
const maxDrillRate = 2_000

// maxFlowsDiff is how many flows that differ one answer names.
const maxFlowsDiff = 10_000

// order is a handler of a request to change the role.
func (a *api) order(carryOut func(context.Context, view.Order) (view.Done, error)) func(*http.Request, view.Order) (view.Done, error) {
	return func(r *http.Request, o view.Order) (view.Done, error) {
		o.By = asker(r).Name
		return carryOut(r.Context(), o)
	}
}

func (a *api) maintenance(r *http.Request, q maintenanceRequest) (view.Status, error) {
	if q.On == nil {
		return view.Status{}, badRequest("on: want true or false")
	}
	return a.pair.Maintenance(r.Context(), *q.On, asker(r).Name)
}

func (a *api) peerMaintenance(r *http.Request, q maintenanceRequest) (empty, error) {
	if q.On == nil {
		return empty{}, badRequest("on: want true or false")
	}
	return empty{}, a.pair.PeerMaintenance(r.Context(), *q.On, asker(r).Name)
}

func (a *api) resync(r *http.Request, _ empty) (view.Sync, error) {
	return a.pair.Resync(r.Context(), asker(r).Name)
}

func (a *api) flowsDiff(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "limit")
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > maxFlowsDiff {
		return badRequest("limit: %q, want a number from 1 to %d", q.Get("limit"), maxFlowsDiff)
	}
	d, err := a.pair.FlowsDiff(r.Context(), limit)
	return answer(w, d, err)
}

// doctor sends each finding as it comes, one a line.
func (a *api) doctor(w http.ResponseWriter, r *http.Request) error {
	var q empty
	if err := readQuestion(w, r, &q); err != nil {
		return err
	}
	out := lines{w: w}
	err := a.pair.Doctor(r.Context(), func(f view.Finding) error { return out.send(doctorLine{Finding: &f}) })
	return out.end(doctorLine{End: new(empty)}, err, func(f *Failure) any { return doctorLine{Failed: f} })
}

// drill sends each switch as it is done, one a line, and what they cost at the end.
func (a *api) drill(w http.ResponseWriter, r *http.Request) error {
	var o view.DrillOrder
	if err := readQuestion(w, r, &o); err != nil {
		return err
	}
	if o.Rate < 1 || o.Rate > maxDrillRate {
		return badRequest("rate: %d, want a number from 1 to %d", o.Rate, maxDrillRate)
	}
	for _, h := range o.Hosts {
		if h.Interface == "" || !h.Address.IsValid() {
			return badRequest("hosts: want an interface and an address of each")
		}
	}
	o.By = asker(r).Name
	out := lines{w: w}
	done, err := a.pair.Drill(r.Context(), o, func(l view.DrillLeg) error { return out.send(drillLine{Leg: &l}) })
	return out.end(drillLine{End: &done}, err, func(f *Failure) any { return drillLine{Failed: f} })
}
