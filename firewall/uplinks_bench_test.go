package firewall

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rempart/rempart/lab"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// BenchmarkUplinks lets the first of two lines die, watched as by default, under a thousand TCP
// connections and a stream of 1,000 datagrams a second, all of them translated:
//
//	detect-ms      until the default route goes by the other line
//	resets         connections that were reset within ten seconds after that
//	last-reset-ms  until the last of them was
//	lost           datagrams of the stream that did not come back, in the same time at most
//
// Against it, in the same network: a loop of pings that reckons as dpinger does by default, and
// what the kernel does by itself when the carrier goes (ignore_routes_with_linkdown).
func BenchmarkUplinks(b *testing.B) {
	for _, bb := range []struct {
		name  string
		begin func(b *testing.B, s *uplinks)
		die   func(l *line)
	}{
		{"silent/rempart", rempart, deaths["silent"]},
		{"silent/ping-loop", pingLoop, deaths["silent"]},
		{"pulled/rempart", rempart, deaths["pulled"]},
		{"pulled/ping-loop", pingLoop, deaths["pulled"]},
		{"pulled/kernel", spareRoute, deaths["pulled"]},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var all []failOver
			for b.Loop() {
				s := buildUplinks(b, 2)
				bb.begin(b, s)
				all = append(all, s.failOver(b, bb.die))
			}
			reportMedians(b, all)
		})
	}
}

// rempart is a gateway of ours with nothing written of how its lines are watched.
func rempart(b *testing.B, s *uplinks) {
	b.Helper()
	s.watch = ""
	s.start(b)
	s.applyLines(b, nil, throughGroups(`["fibre"], ["cable"]`, `["fibre6"], ["cable6"]`, ""))
}

// dpinger's defaults, as pfSense starts it.
const (
	dpingerInterval = 500 * time.Millisecond
	dpingerLost     = 2 * time.Second
	dpingerWindow   = time.Minute
	dpingerDown     = 20 // percent
)

// pingLoop asks the first line's router, beginning with a window of answers, and when too many are
// missing changes the route and deletes the flows of the line's address.
func pingLoop(b *testing.B, s *uplinks) {
	b.Helper()
	s.plain(b)
	fibre, cable := s.lines[0], s.lines[1]
	window := make([]bool, dpingerWindow/dpingerInterval) // lost
	answers := make(chan bool, len(window))
	tick := time.NewTicker(dpingerInterval)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; {
			select {
			case <-b.Context().Done():
				return
			case <-tick.C:
				go func() {
					answers <- s.gw.Ping(b.Context(), fibre.hop(), lab.Within(dpingerLost)).Outcome == lab.Open
				}()
			case ok := <-answers:
				window[n%len(window)] = !ok
				n++
			}
			lost := 0
			for _, l := range window {
				if l {
					lost++
				}
			}
			if lost*100 < dpingerDown*len(window) {
				continue
			}
			s.gw.Default(cable.hop())
			_, _ = s.gw.Run(b.Context(), "conntrack", "-D", "-q", fibre.own().String())
			return
		}
	}()
	b.Cleanup(func() { tick.Stop(); <-done })
}

// spareRoute has a second default route of a worse metric, which the kernel takes when the device of
// the first has no carrier.
func spareRoute(b *testing.B, s *uplinks) {
	b.Helper()
	s.plain(b)
	s.gw.Sysctl("net.ipv4.conf.all.ignore_routes_with_linkdown", "1")
	for _, l := range s.lines {
		s.gw.Sysctl("net/ipv4/conf/"+l.device+"/ignore_routes_with_linkdown", "1")
	}
	s.run(b, "ip", "route", "add", "default", "via", s.lines[1].hop().String(), "metric", "100")
}

// failOver is what the death of a line cost.
type failOver struct {
	detected, lastReset time.Duration
	resets              int
	lost                uint64
}

// aftermath is how long after the route has changed resets and lost datagrams are counted.
const aftermath = 10 * time.Second

// failOver lets the first line die.
func (s *uplinks) failOver(b *testing.B, die func(l *line)) failOver {
	b.Helper()
	fibre, cable := s.lines[0], s.lines[1]
	c := openCrowd(b, s.office, crowdSize, addrPort(outside["IPv4"]))
	if n := len(c.over(fibre)); n != crowdSize {
		b.Fatalf("%d of %d by %s", n, crowdSize, fibre.name)
	}
	stream := s.office.Stream(addrPort("192.0.2.8:53"), 1000)
	waitFor(b, "the stream", func() bool { return stream.Stats().Echoed > 500 })
	awaitEchoes(b, c.callers)
	var f failOver
	begin := time.Now()
	die(fibre)
	for end := begin.Add(time.Minute); s.wayOut(b) != cable.hop().String(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("the route still goes by %s", s.wayOut(b))
		}
	}
	f.detected = time.Since(begin)
	echoed := stream.Stats().Echoed
	for end := time.Now().Add(aftermath); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		f.resets = 0
		for _, one := range c.callers {
			if at, err := one.fate(); errors.Is(err, syscall.ECONNRESET) {
				f.resets++
				f.lastReset = max(f.lastReset, at.Sub(begin))
			}
		}
		if f.resets == crowdSize && stream.Stats().Echoed > echoed+100 {
			break
		}
	}
	f.lost = stream.Stop().Lost
	return f
}

// wayOut is the router by which the gateway reaches the Internet now.
func (s *uplinks) wayOut(b *testing.B) string {
	b.Helper()
	h, err := netlink.NewHandleAt(netns.NsHandle(s.ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	routes, err := h.RouteGet(addr("192.0.2.7").AsSlice())
	if err != nil || len(routes) != 1 {
		return "" // no route at all, for a moment
	}
	return strings.TrimSpace(routes[0].Gw.String())
}

// reportMedians gives the medians of several deaths.
func reportMedians(b *testing.B, all []failOver) {
	b.Helper()
	middle := func(of func(f failOver) float64) float64 {
		var values []float64
		for _, f := range all {
			values = append(values, of(f))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(middle(func(f failOver) float64 { return float64(f.detected.Milliseconds()) }), "detect-ms")
	b.ReportMetric(middle(func(f failOver) float64 { return float64(f.resets) }), "resets")
	b.ReportMetric(middle(func(f failOver) float64 { return float64(f.lastReset.Milliseconds()) }), "last-reset-ms")
	b.ReportMetric(middle(func(f failOver) float64 { return float64(f.lost) }), "lost")
}
