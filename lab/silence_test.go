package lab

import (
	"strings"
	"testing"
	"time"
)

func TestSilence(t *testing.T) {
	n := Test(t)
	lan, wan := n.Switch("lan"), n.Switch("wan")
	box, near, far := n.Host("box"), n.Host("near"), n.Host("far")
	box.Plug("eth0", lan, prefix("10.0.0.1/24"))
	box.Plug("eth1", wan, prefix("10.0.1.1/24"))
	near.Plug("eth0", lan, prefix("10.0.0.2/24"))
	far.Plug("eth0", wan, prefix("10.0.1.2/24"))
	pings := func(want Outcome) {
		t.Helper()
		for src, dst := range map[*Host]string{near: "10.0.0.1", far: "10.0.1.1"} {
			if r := src.Ping(t.Context(), addr(dst), Within(200*time.Millisecond)); r.Outcome != want {
				t.Errorf("%s to %s: %s, want %s", src.Name(), dst, r, want)
			}
		}
	}
	pings(Open)

	box.Silence("eth0", "eth1")
	heard := box.Capture("eth0", nil)
	said := near.Capture("eth0", func(frame []byte) bool { return strings.Contains(string(frame), "beyond the IP stack") })
	frame := append(append(append([]byte{}, near.MAC("eth0")...), box.MAC("eth0")...), "\x88\xb5beyond the IP stack"...)
	if err := box.SendFrame("eth0", frame); err != nil {
		t.Error(err)
	}
	pings(Timeout)
	for _, p := range heard.Stop() {
		if !p.Out {
			t.Errorf("heard %x", p.Frame)
		}
	}
	if got := said.Stop(); len(got) > 0 {
		t.Errorf("said %x", got[0].Frame)
	}
	if out, err := box.Run(t.Context(), "ip", "-br", "link"); err != nil || strings.Contains(out, "NO-CARRIER") {
		t.Errorf("links: %s %v", out, err)
	}

	box.Speak("eth0", "eth1")
	pings(Open)
}

func TestSilenceNeedsSwitch(t *testing.T) {
	n := mustNew(t, "silence")
	a, b := n.Host("a"), n.Host("b")
	n.Cable(a, "sync", b, "sync")
	a.Silence("sync")
	if err := n.Err(); err == nil || !strings.Contains(err.Error(), "not plugged into a switch") {
		t.Errorf("got %v", err)
	}
}
