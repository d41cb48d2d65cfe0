package report

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	for _, tt := range []struct {
		delay time.Duration
		json  string
		text  string
	}{
		{0, "0", "0s"}, {4321 * time.Microsecond, "4.321", "4.3ms"}, {time.Microsecond, "0.001", "0s"}, {1500 * time.Millisecond, "1500", "1.5s"},
		{time.Hour, "3.6e+06", "1h0m0s"},
	} {
		b, err := json.Marshal(Delay(tt.delay))
		if err != nil {
			t.Fatal(err)
		}
		var want, got float64
		if json.Unmarshal([]byte(tt.json), &want) != nil || json.Unmarshal(b, &got) != nil || got != want {
			t.Errorf("%v: %s, want %s", tt.delay, b, tt.json)
		}
		var back Delay
		if err := json.Unmarshal(b, &back); err != nil || back != Delay(tt.delay) {
			t.Errorf("%v comes back as %v, %v", tt.delay, time.Duration(back), err)
		}
		if s := Delay(tt.delay).String(); s != tt.text {
			t.Errorf("%v is written %s, want %s", tt.delay, s, tt.text)
		}
	}
	var d Delay
	for _, bad := range []string{`"1ms"`, "{", "null1"} {
		if json.Unmarshal([]byte(bad), &d) == nil {
			t.Errorf("%s is taken for a delay", bad)
		}
	}
}
