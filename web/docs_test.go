package web

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rempart/rempart/firewall/flows"
	"github.com/rempart/rempart/firewall/packetlog"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/ha/view"
)

// section is what docs/api.md says of one endpoint.
type section struct {
	endpoint string
	examples [][]byte // the request's, where it has a body, and the answer's
}

func sections(t *testing.T) []section {
	t.Helper()
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile("(?m)^##+ .*$")
	named := regexp.MustCompile("^### `([A-Z]+ [^`]+)`$")
	example := regexp.MustCompile("(?s)```json\n(.*?)```")
	var list []section
	at := heading.FindAllIndex(text, -1)
	for i, span := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		name := named.FindSubmatch(text[span[0]:span[1]])
		if name == nil {
			continue
		}
		s := section{endpoint: string(name[1])}
		for _, m := range example.FindAllSubmatch(text[span[1]:end], -1) {
			s.examples = append(s.examples, m[1])
		}
		list = append(list, s)
	}
	return list
}

// TestDocumentedEndpoints holds docs/api.md against the endpoints that there are.
func TestDocumentedEndpoints(t *testing.T) {
	var documented, served []string
	for _, s := range sections(t) {
		documented = append(documented, s.endpoint)
	}
	for _, e := range (&api{Backend: new(fake), pair: new(fake)}).endpoints() {
		served = append(served, e.method+" "+e.path)
	}
	slices.Sort(documented)
	slices.Sort(served)
	if diff := cmp.Diff(served, documented); diff != "" {
		t.Errorf("-served +documented:\n%s", diff)
	}
}

// TestDocumentedExamples holds the examples of docs/api.md against the shapes that are sent.
func TestDocumentedExamples(t *testing.T) {
	shapes := map[string][]any{
		"GET /v1/status":                  {new(report.Status)},
		"POST /v1/check":                  {new(report.Draft), new(report.Preview)},
		"POST /v1/apply":                  {new(report.Request), new(report.Applied)},
		"POST /v1/confirm":                {new(empty), new(report.Applied)},
		"POST /v1/rollback":               {new(rollbackRequest), new(report.Applied)},
		"GET /v1/revisions":               {new([]report.Revision)},
		"GET /v1/revisions/{number}":      {new(report.Revision)},
		"GET /v1/ruleset":                 {},
		"GET /v1/rules":                   {new([]report.Rule)},
		"GET /v1/aliases":                 {new([]report.Alias)},
		"GET /v1/aliases/{name}":          {new(report.Alias)},
		"POST /v1/aliases/{name}/refresh": {new(refreshRequest), new(empty)},
		"GET /v1/routes":                  {new([]report.Route)},
		"GET /v1/gateways":                {new(report.Lines)},
		"GET /v1/gateways/{name}/history": {new(report.GatewayHistory)},
		"GET /v1/schedules":               {new([]report.Schedule)},
		"POST /v1/explain":                {new(report.Question), new(report.Explanation)},
		"POST /v1/explain/live":           {new(report.LiveQuestion), new(report.LiveLine)},
		"GET /v1/flows":                   {new([]flows.Flow)},
		"POST /v1/flows/end":              {new(endFlowsRequest), new(endFlowsAnswer)},
		"GET /v1/log":                     {new([]packetlog.Entry)},
		"GET /v1/log/follow":              {},
		"GET /v1/ha":                      {new(view.Status)},
		"POST /v1/ha/release":             {new(view.Order), new(view.Done)},
		"POST /v1/ha/takeover":            {new(view.Order), new(view.Done)},
		"POST /v1/ha/maintenance":         {new(maintenanceRequest), new(view.Status)},
		"POST /v1/ha/resync":              {new(empty), new(view.Sync)},
		"GET /v1/ha/flows/diff":           {new(view.FlowsDiff)},
		"GET /v1/metrics":                 {},
		"POST /v1/ha/doctor":              {new(empty), new(doctorLine)},
		"POST /v1/ha/drill":               {new(view.DrillOrder), new(drillLine)},
		"POST /v1/ha/peer/maintenance":    {new(maintenanceRequest), new(empty)},
		"GET /v1/ha/pairing":              {new(view.Pairing)},
		"POST /v1/ha/invite":              {new(empty), new(inviteLine)},
		"POST /v1/ha/join":                {new(view.Join), new(view.Pairing)},
		"POST /v1/ha/unpair":              {new(unpairRequest), new(view.Pairing)},
		"POST /v1/ha/rotate":              {new(empty), new(view.Pairing)},
		"GET /v1/ha/policy/diff":          {new(view.PolicyDiff)},
		"POST /v1/ha/policy/resolve":      {new(view.Resolution), new(report.Applied)},
		"POST /v1/ha/policy/pull":         {new(empty), new(view.Carried)},
		"POST /v1/ha/policy/push":         {new(empty), new(view.Carried)},
	}
	for _, s := range sections(t) {
		want, ok := shapes[s.endpoint]
		if !ok || len(want) != len(s.examples) {
			t.Errorf("%s: %d examples, want %d", s.endpoint, len(s.examples), len(want))
			continue
		}
		for i, example := range s.examples {
			d := json.NewDecoder(bytes.NewReader(example))
			// A flow decodes itself, and takes fields that it does not know.
			d.DisallowUnknownFields()
			for more := true; more; more = d.More() { // an answer may have several lines
				if err := d.Decode(want[i]); err != nil {
					t.Fatalf("%s: %v in %s", s.endpoint, err, example)
				}
			}
		}
	}
}
