package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/rempart/rempart/ha/view"
)

// metricsType is the text format that Prometheus reads, version 0.0.4.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// metric is one number for Prometheus; what counts is a counter, the others are gauges.
type metric struct {
	name, help string
	counts     bool
	value      float64
}

// metrics answers with all numbers that there are. A gateway that stands alone has none of flow sync.
func (a *api) metrics(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	s, err := a.pair.HAStatus(r.Context())
	if err != nil {
		return err
	}
	var text []byte
	if s.Sync != nil {
		for _, m := range syncMetrics(*s.Sync) {
			text = m.append(text)
		}
	}
	return send(w, http.StatusOK, metricsType, text)
}

// append writes a metric with what it is, which no help of ours needs an escape for.
func (m metric) append(b []byte) []byte {
	name, kind := "rempart_flowsync_"+m.name, "gauge"
	if m.counts {
		name, kind = name+"_total", "counter"
	}
	b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %s %s\n%s ", name, m.help, name, kind, name)
	return append(strconv.AppendFloat(b, m.value, 'g', -1, 64), '\n')
}

// syncMetrics are the numbers of flow sync.
func syncMetrics(s view.Sync) []metric {
	whole := 0.0
	if s.Whole() {
		whole = 1
	}
	return append([]metric{
		{name: "complete", help: "1 when all flows of the master are at the other node.", value: whole},
		{name: "flows", help: "Flows that this node shares or has of the peer.", value: float64(s.Flows)},
		{name: "peer_flows", help: "Flows that the peer says it has of the same.", value: float64(s.PeerFlows)},
		{name: "in_flight", help: "Flows that changed here and are not known to be in the peer's kernel.", value: float64(s.InFlight)},
		{name: "lag_seconds", help: "How long the oldest flow in flight has waited.", value: s.Lag.Seconds()},
	}, syncCounters(s.Stats)...)
}

// syncCounters are view.SyncStats, each under its JSON name.
func syncCounters(s view.SyncStats) []metric {
	counter := func(name string, value uint64, help string) metric { return metric{name, help, true, float64(value)} }
	return []metric{
		counter("events", s.Events, "Events of the kernel that were read."),
		counter("echoes", s.Echoes, "Events that flow sync itself caused."),
		counter("overruns", s.Overruns, "Times that the kernel dropped events; each is repaired by a walk."),
		counter("walks", s.Walks, "Walks through the whole table of the kernel."),
		counter("puts", s.Puts, "Whole flows sent."),
		counter("changes", s.Changes, "Changes of flows sent."),
		counter("ends", s.Ends, "Ends of flows sent."),
		counter("frames", s.Frames, "Frames sent."),
		counter("bytes", s.Bytes, "Bytes sent, UDP payload."),
		counter("resent", s.Resent, "Flows sent again because a frame was lost."),
		counter("frames_lost", s.FramesLost, "Frames sent and not acknowledged in time."),
		counter("frames_in", s.FramesIn, "Frames received that are authentic."),
		counter("bytes_in", s.BytesIn, "Bytes of these frames, UDP payload."),
		counter("inserted", s.Inserted, "Flows put into this kernel."),
		counter("updated", s.Updated, "Flows changed in this kernel."),
		counter("ended", s.Ended, "Flows taken out of this kernel."),
		counter("kept", s.Kept, "Flows not ended at the word of the peer, for they live here."),
		counter("clashes", s.Clashes, "Flows whose tuples were taken by another one, which gave way."),
		counter("refused", s.Refused, "Flows that this kernel refused for good."),
		counter("no_helper", s.NoHelper, "Flows put in without their helper, which this kernel has not."),
		counter("full", s.Full, "Flows refused because the table is full; they are tried again."),
		counter("repairs", s.Repairs, "Flows that a comparison found different and put right."),
		counter("mismatches", s.Mismatches, "Digests that differed."),
		counter("snapshots", s.Snapshots, "Snapshots begun to send."),
		counter("lowered", s.Lowered, "Timeouts lowered after a takeover."),
		counter("tightened", s.Tightened, "TCP flows tracked strictly again after a takeover."),
		counter("bad_auth", s.BadAuth, "Frames refused: not authentic, or of another session."),
		counter("bad_replay", s.BadReplay, "Frames refused: seen before, or too old."),
		counter("bad_version", s.BadVersion, "Frames refused: a version that is not understood."),
		counter("bad_malformed", s.BadMalformed, "Authentic frames that cannot be read."),
	}
}
