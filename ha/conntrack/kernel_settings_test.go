package conntrack

import (
	"errors"
	"io/fs"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
)

// timeouts are those of the stand.
func (s stand) timeouts() (t Timeouts) {
	s.Helper()
	if err := s.host.Do(func() (err error) {
		t, err = ReadTimeouts()
		return err
	}); err != nil {
		s.Fatal(err)
	}
	return t
}

func TestReadTimeouts(t *testing.T) {
	s := newStand(t)
	before := s.timeouts()
	for _, setting := range before.settings() {
		if *setting.value != setting.usual {
			t.Errorf("%s is %d in a new namespace, want %d", setting.name, *setting.value, setting.usual)
		}
	}
	var want Timeouts
	for i, setting := range want.settings() {
		*setting.value = setting.usual
		switch _, err := readSetting(setting.name); {
		case errors.Is(err, fs.ErrNotExist):
			continue // this kernel has no such protocol
		case err != nil:
			t.Fatal(err)
		}
		*setting.value = uint32(2000 + i)
		s.host.Sysctl("net.netfilter.nf_conntrack_"+setting.name, strconv.Itoa(2000+i))
	}
	want.complete()
	if got := s.timeouts(); got != want {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestCount(t *testing.T) {
	s := newStand(t)
	s.fill(0, 7)
	err := s.host.Do(func() error {
		now, most, err := Count()
		if now != 7 || most < 1000 {
			t.Errorf("%d of %d", now, most)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTimeoutsAreTheKernels has real packets pass, and the kernel say what timeout they gave.
func TestTimeoutsAreTheKernels(t *testing.T) {
	gw, client := newPair(t)
	for i, name := range []string{"tcp_timeout_established", "tcp_timeout_fin_wait", "tcp_timeout_close_wait", "tcp_timeout_last_ack",
		"tcp_timeout_time_wait", "tcp_timeout_close", "udp_timeout", "udp_timeout_stream", "icmp_timeout"} {
		gw.host.Sysctl("net.netfilter.nf_conntrack_"+name, strconv.Itoa(1000*(i+1)))
	}
	gw.host.Sysctl("net.netfilter.nf_conntrack_tcp_timeout_unacknowledged", "10000") // does not count, being longer
	times := gw.timeouts()
	w := gw.walk()
	// agrees waits for a flow, and for the kernel to have given it what Of says, some seconds ago.
	agrees := func(what string, want uint32, meanwhile func(), is func(f *Flow) bool) {
		t.Helper()
		var found Flow
		if !lab.Poll(patience, func() (ok bool) {
			meanwhile()
			gw.start(w, KindFlow, 0)
			gw.rest(w, func(m *Message) {
				if is(&m.Flow) {
					found, ok = m.Flow, true
				}
			})
			return ok
		}) {
			t.Fatalf("%s: no such flow", what)
		}
		if of := times.Of(&found); of != want || found.Timeout > of || found.Timeout+20 < of {
			t.Errorf("%s: %d, want %d; the kernel says %d", what, of, want, found.Timeout)
		}
	}
	nothing := func() {}
	gw.host.ServeUDP(gwUDP)
	gw.host.ServeTCP(netip.MustParseAddrPort("10.9.0.1:80"))
	from := lab.From(netip.MustParseAddrPort("10.9.0.2:4000"))
	ask := func() {
		if r := client.UDP(t.Context(), gwUDP, from); r.Outcome != lab.Open {
			t.Fatal(r)
		}
	}
	ask()
	agrees("UDP answered", 7000, nothing, func(f *Flow) bool { return f.Proto == UDP && f.Status&SeenReply != 0 })
	agrees("UDP stream", 8000, ask, func(f *Flow) bool { return f.Proto == UDP && f.Status&Assured != 0 })
	if r := client.Ping(t.Context(), netip.MustParseAddr("10.9.0.1")); r.Outcome != lab.Open {
		t.Fatal(r)
	}
	agrees("ICMP", 9000, nothing, func(f *Flow) bool { return f.Proto == ICMP })
	call, r := client.Call(t.Context(), netip.MustParseAddrPort("10.9.0.1:80"), lab.Within(time.Second))
	if call == nil {
		t.Fatal(r)
	}
	if err := call.Echo(t.Context()); err != nil {
		t.Fatal(err)
	}
	agrees("TCP", 1000, nothing, func(f *Flow) bool { return f.Proto == TCP && f.State == Established })
	if err := call.Close(); err != nil {
		t.Fatal(err)
	}
	agrees("TCP that ended", 5000, nothing, func(f *Flow) bool { return f.Proto == TCP && f.State == TimeWait })
}
