package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/report"
)

// ask sends a request by a known caller to a handler of b.
func ask(t *testing.T, b backends, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r = r.WithContext(WithCaller(r.Context(), report.Caller{Name: "root"}))
	w := httptest.NewRecorder()
	Handler(b, b, hclog.NewNullLogger()).ServeHTTP(w, r)
	return w
}

func TestMalformedRequests(t *testing.T) {
	for _, c := range []struct {
		method, target, body string
		status               int
		message              string
	}{
		{"POST", "/v1/check", "", 400, "request body: want a JSON object"},
		{"POST", "/v1/check", "null", 400, "request body: want a JSON object"},
		{"POST", "/v1/check", "[]", 400, "request body: want a JSON object"},
		{"POST", "/v1/check", "{", 400, "request body: unexpected EOF"},
		{"POST", "/v1/check", "{}", 400, "policy_name: missing"},
		{"POST", "/v1/check", `{"policy_name":"a","policy":"*"}`, 400, "request body: illegal base64 data at input byte 0"},
		{"POST", "/v1/check", `{"policy_name":"a","polcy":""}`, 400, `request body: json: unknown field "polcy"`},
		{"POST", "/v1/check", `{"policy_name":"a"} {}`, 400, "request body: more than one JSON value"},
		{"POST", "/v1/check", `{"policy_name":"a"}]`, 400, "request body: more than one JSON value"},
		{"POST", "/v1/check?now=true", `{"policy_name":"a"}`, 400, `query: unknown parameter "now"`},
		{"POST", "/v1/check?%zz", `{}`, 400, `query: invalid URL escape "%zz"`},
		{"POST", "/v1/apply", `{"policy_name":"a","confirm":-1}`, 400, "confirm: -1 seconds, want 0 or more"},
		{"POST", "/v1/apply", `{"policy_name":"a","confirm":"60s"}`, 400, "request body: json: cannot unmarshal string into Go struct field Request.confirm of type int"},
		{"POST", "/v1/confirm", "", 400, "request body: want a JSON object"},
		{"POST", "/v1/confirm", `{"revision":1}`, 400, `request body: json: unknown field "revision"`},
		{"POST", "/v1/rollback", "{}", 400, "revision: want a number, 0 for the pending apply"},
		{"POST", "/v1/rollback", `{"revision":-1}`, 400, "revision: want a number, 0 for the pending apply"},
		{"POST", "/v1/rollback", `{"revision":0,` + strings.Repeat(" ", maxSmallBody), 413, "request body: larger than 65536 bytes"},
		{"GET", "/v1/revisions/0", "", 400, `revision "0": want a number from 1 on`},
		{"GET", "/v1/revisions/-1", "", 400, `revision "-1": want a number from 1 on`},
		{"GET", "/v1/revisions/9999999999", "", 400, `revision "9999999999": want a number from 1 on`},
		{"GET", "/v1/rules?all=perhaps", "", 400, `all: "perhaps", want true or false`},
		{"GET", "/v1/rules?al=true", "", 400, `query: unknown parameter "al"`},
		{"GET", "/v1/routes?all=", "", 400, `all: "", want true or false`},
		{"GET", "/v1/gateways?all=true", "", 400, `query: unknown parameter "all"`},
		{"GET", "/v1/gateways/fibre/history?since=yesterday", "", 400, `since: "yesterday", want an instant such as "2026-11-22T20:15:00Z"`},
		{"GET", "/v1/gateways/fibre/history?until=", "", 400, `query: unknown parameter "until"`},
		{"GET", "/v1/ruleset?x=", "", 400, `query: unknown parameter "x"`},
		{"GET", "/v1/flows?words=host", "", 400, `query: unknown parameter "words"`},
		{"GET", "/v1/log", "", 400, `max: "", want a number from 1 to 100000`},
		{"GET", "/v1/log?max=0", "", 400, `max: "0", want a number from 1 to 100000`},
		{"GET", "/v1/log?max=100001", "", 400, `max: "100001", want a number from 1 to 100000`},
		{"GET", "/v1/log/follow?max=1", "", 400, `query: unknown parameter "max"`},
		{"POST", "/v1/explain", "{}", 400, "packet: missing"},
		{"POST", "/v1/explain", `{"packet":"p","at":"now"}`, 400, `request body: parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"`},
		{"POST", "/v1/explain/live", "{}", 400, "flow: missing"},
		{"POST", "/v1/explain/live", `{"flow":"->","for":"30s"}`, 400, `request body: json: unknown field "for"`},
		{"GET", "/v1/ha?all=true", "", 400, `query: unknown parameter "all"`},
		{"POST", "/v1/ha/release", `{"by":"somebody else"}`, 400, `request body: json: unknown field "by"`},
		{"POST", "/v1/ha/takeover?force=true", "{}", 400, `query: unknown parameter "force"`},
		{"POST", "/v1/ha/maintenance", "{}", 400, "on: want true or false"},
		{"POST", "/v1/ha/resync", `{"by":"somebody else"}`, 400, `request body: json: unknown field "by"`},
		{"GET", "/v1/ha/flows/diff", "", 400, `limit: "", want a number from 1 to 10000`},
		{"GET", "/v1/ha/flows/diff?limit=0", "", 400, `limit: "0", want a number from 1 to 10000`},
		{"GET", "/v1/ha/flows/diff?limit=10001", "", 400, `limit: "10001", want a number from 1 to 10000`},
		{"GET", "/v1/ha/flows/diff?max=1", "", 400, `query: unknown parameter "max"`},
		{"GET", "/v1/metrics?name=flows", "", 400, `query: unknown parameter "name"`},
		{"POST", "/v1/ha/doctor", "", 400, "request body: want a JSON object"},
		{"POST", "/v1/ha/doctor?now=true", "{}", 400, `query: unknown parameter "now"`},
		{"POST", "/v1/ha/drill", "{}", 400, "rate: 0, want a number from 1 to 2000"},
		{"POST", "/v1/ha/drill", `{"rate":2001}`, 400, "rate: 2001, want a number from 1 to 2000"},
		{"POST", "/v1/ha/drill", `{"rate":1,"hosts":[{"interface":"lan"}]}`, 400, "hosts: want an interface and an address of each"},
		{"POST", "/v1/ha/drill", `{"rate":1,"hosts":[{"address":"10.1.2.9"}]}`, 400, "hosts: want an interface and an address of each"},
		{"POST", "/v1/ha/peer/maintenance", "{}", 400, "on: want true or false"},
		{"GET", "/v1/ha/pairing?all=true", "", 400, `query: unknown parameter "all"`},
		{"POST", "/v1/ha/invite", "", 400, "request body: want a JSON object"},
		{"POST", "/v1/ha/invite", `{"by":"somebody else"}`, 400, `request body: json: unknown field "by"`},
		{"POST", "/v1/ha/join", "{}", 400, "code: missing"},
		{"POST", "/v1/ha/join", `{"code":"4829-6135"}`, 400, "address: missing"},
		{"POST", "/v1/ha/join", `{"code":"4829-6135","address":"fw1"}`, 400, `request body: ParseAddr("fw1"): unable to parse IP`},
		{"POST", "/v1/ha/join", `{"code":"4829-6135","address":"fe80::1"}`, 400, "address: fe80::1 is link-local: say behind which device, such as fe80::1%eth3"},
		{"POST", "/v1/ha/join", `{"code":"4829-6135","address":"0.0.0.0"}`, 400, "address: 0.0.0.0 is of no node"},
		{"POST", "/v1/ha/join", `{"code":"4829-6135","address":"ff02::1%eth3"}`, 400, "address: ff02::1%eth3 is of no node"},
		{"POST", "/v1/ha/unpair", `{"force":1}`, 400, "request body: json: cannot unmarshal number into Go struct field unpairRequest.force of type bool"},
		{"POST", "/v1/ha/rotate", "[]", 400, "request body: want a JSON object"},
		{"GET", "/v1/ha/policy/diff?merged=true", "", 400, `query: unknown parameter "merged"`},
		{"POST", "/v1/ha/policy/resolve", "{}", 400, "policy: missing, and nothing to take"},
		{"POST", "/v1/ha/policy/resolve", `{"take":"mine"}`, 400, `take: "mine", want ours, theirs or merged`},
		{"POST", "/v1/ha/policy/resolve", `{"take":"ours","policy":"Zg=="}`, 400, `policy: there is none to come along with take "ours"`},
		{"POST", "/v1/ha/policy/resolve", `{"take":"ours","confirm":-1}`, 400, "confirm: -1 seconds, want 0 or more"},
		{"POST", "/v1/ha/policy/resolve", `{"take":"ours","expect":"a"}`, 400, "request body: json: cannot unmarshal string into Go struct field Resolution.expect of type [2]string"},
		{"POST", "/v1/ha/policy/pull", `{"force":true}`, 400, `request body: json: unknown field "force"`},
		{"POST", "/v1/ha/policy/push", "", 400, "request body: want a JSON object"},
		{"GET", "/v1/nothing", "", 404, "no such endpoint: /v1/nothing"},
		{"GET", "/", "", 404, "no such endpoint: /"},
		{"DELETE", "/v1/flows", "", 405, "/v1/flows does not take DELETE: want GET, HEAD"},
		{"GET", "/v1/apply", "", 405, "/v1/apply does not take GET: want POST"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			w := ask(t, new(fake), c.method, c.target, c.body)
			var f Failure
			if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
				t.Fatalf("answer %q: %v", w.Body, err)
			}
			if w.Code != c.status || f.Message != c.message || f.Kind != KindRequest {
				t.Errorf("%d %s %q, want %d request %q", w.Code, f.Kind, f.Message, c.status, c.message)
			}
		})
	}
}

func TestStatusOfKinds(t *testing.T) {
	for kind, want := range map[Kind]int{KindRequest: 400, KindConflict: 409, KindRefused: 500} {
		w := ask(t, &fake{err: &Failure{Message: "no", Kind: kind}}, "GET", "/v1/status", "")
		if got := strings.TrimSpace(w.Body.String()); w.Code != want || got != fmt.Sprintf(`{"error":"no","kind":"%s"}`, kind) {
			t.Errorf("%s: %d %s, want %d", kind, w.Code, got, want)
		}
	}
}

func TestListsAreNeverNull(t *testing.T) {
	for _, path := range []string{"revisions", "rules", "aliases", "routes", "schedules", "flows", "log?max=12"} {
		w := ask(t, &fake{calm: true}, "GET", "/v1/"+path, "")
		if got := w.Body.String(); w.Code != 200 || got != "[]\n" {
			t.Errorf("%s: %d %s", path, w.Code, got)
		}
	}
}

// TestHistoryIsBounded: of more samples than an answer holds the newest are told.
func TestHistoryIsBounded(t *testing.T) {
	w := ask(t, &fake{samples: maxHistory + 3}, "GET", "/v1/gateways/fibre/history", "")
	var h report.GatewayHistory
	if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || len(h.Samples) != maxHistory || h.Samples[0].Seconds != 3 {
		t.Errorf("%d samples, %v", len(h.Samples), err)
	}
}

func TestUnknownCaller(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(new(fake), new(fake), hclog.NewNullLogger()).ServeHTTP(w, httptest.NewRequest("GET", "/v1/status", nil))
	if want := `{"error":"it is not known who asks","kind":"refused"}` + "\n"; w.Code != 403 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPanicIsContained(t *testing.T) {
	b := &fake{during: func(context.Context) { panic("nil map") }}
	w := ask(t, b, "POST", "/v1/apply", `{"policy_name":"a"}`)
	var f Failure
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != 500 || f.Kind != KindRefused || strings.Contains(f.Message, "nil map") {
		t.Errorf("%d %s, %v", w.Code, w.Body, err)
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	socket := serving(t, new(fake))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://rempart/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := Dial(socket).http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 || answer.ContentLength < 2 {
		t.Errorf("%s, %d bytes", answer.Status, answer.ContentLength)
	}
}

// FuzzRequests throws bodies and queries at every endpoint: none may end in
// a panic or in an answer that is not JSON.
func FuzzRequests(f *testing.F) {
	endpoints := (&api{Backend: new(fake), pair: new(fake)}).endpoints()
	for i := range endpoints {
		f.Add(uint(i), "x", "all=true&word=a&max=12", []byte(`{"policy_name":"a","policy":"Zg==","confirm":1,"base":"x"}`))
		f.Add(uint(i), "1", "", []byte(`{"revision":3}`))
		f.Add(uint(i), "%2e%2e", "max=12", []byte(`{"words":["a"],"force":true}`))
		f.Add(uint(i), "0", "%", []byte("{}\n"))
	}
	served := new(fake)
	f.Fuzz(func(t *testing.T, n uint, segment, query string, body []byte) {
		e := endpoints[n%uint(len(endpoints))]
		r := httptest.NewRequest(e.method, "/v1", strings.NewReader(string(body)))
		r.URL.RawQuery = query
		r.SetPathValue("name", segment)
		r.SetPathValue("number", segment)
		ctx, cancel := context.WithCancel(WithCaller(r.Context(), report.Caller{Name: "root"}))
		cancel() // so that a followed log ends
		w := httptest.NewRecorder()
		a := &api{Backend: served, pair: served, log: hclog.NewNullLogger()}
		a.guard(e.serve).ServeHTTP(w, r.WithContext(ctx))
		if w.Header().Get("Content-Type") == jsonType && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s?%s: answer %q", e.method, e.path, query, w.Body)
		}
		var failure Failure
		if w.Code >= 500 && json.Unmarshal(w.Body.Bytes(), &failure) == nil && failure.Message == errPanic.message {
			t.Errorf("%s %s?%s with %q: panic", e.method, e.path, query, body)
		}
	})
}
