package packetlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// logging is a ruleset that logs each kind of packet with a reason of its own.
func logging() string {
	return fmt.Sprintf(`
table inet test {
	chain in {
		type filter hook input priority filter
		udp dport 53 meta mark set 17 log prefix %q group 1 snaplen 128 drop
		udp dport 9000 counter log prefix %q group 1 snaplen 128 drop
		tcp dport 22 log prefix %q group 1 snaplen 128 reject with tcp reset
		icmp type echo-request log prefix "DROP " group 1 snaplen 128 drop
	}
	chain out {
		type filter hook output priority filter
		udp dport 123 log prefix %q group 1 snaplen 24
	}
}`,
		Reason{Block, CauseRule, "no-dns"}.Prefix(), Reason{Block, CauseDefault, ""}.Prefix(),
		Reason{Reject, CauseLimit, "ssh"}.Prefix(), Reason{Pass, CauseAutomatic, ""}.Prefix())
}

// start runs a reader in the namespace until the test ends or stop is called, and returns when it is ready.
func start(t *testing.T, ns netns.NsHandle, cfg Config) (r *Reader, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r = NewReader(cfg)
	done := make(chan error, 1)
	go inside(t, ns, func() { done <- r.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("run goes on after its context has ended")
		}
	})
	t.Cleanup(stop)
	select {
	case <-r.Ready():
	case err := <-done:
		done <- err
		t.Fatalf("run ended: %v", err)
	case <-time.After(5 * time.Second):
		t.Fatal("not ready within five seconds")
	}
	return r, stop
}

func TestReaderReadsRealPackets(t *testing.T) {
	gw, client := namespaces(t)
	run(t, gw, logging(), "nft", "-f", "-")
	ring := NewRing(100)
	r, _ := start(t, gw, Config{Group: 1, Ring: ring, Name: func(device string) string {
		return map[string]string{"lan0": "lan"}[device]
	}})

	began := time.Now()
	write(t, dial(t, client, "udp", "10.99.0.1:53"), "who is there?")
	write(t, dial(t, client, "udp", "[fd00:99::1]:9000"), "hello")
	write(t, dial(t, client, "ip4:icmp", "10.99.0.1"), "\x08\x00\xf7\xb2\x00\x4d\x00\x00") // echo request, id 77
	write(t, dial(t, gw, "udp", "10.99.0.2:123"), strings.Repeat("t", 48))
	inside(t, client, func() {
		if c, err := net.Dial("tcp", "10.99.0.1:22"); err == nil {
			c.Close()
			t.Error("a rejected connection is up")
		}
	})

	find := func(words string) Entry {
		t.Helper()
		filter, err := ParseFilter(strings.Fields(words))
		if err != nil {
			t.Fatal(err)
		}
		var got []Entry
		eventually(t, words, func() bool { got = ring.Tail(100, filter); return len(got) == 1 })
		return got[0]
	}
	for _, tc := range []struct{ words, want string }{
		{"rule no-dns", `block rule no-dns lan -> self  udp 10.99.0.2:P > 10.99.0.1:53 len 41`},
		{"reason default", `block default   lan -> self  udp [fd00:99::2]:P > [fd00:99::1]:9000 len 53`},
		{"action reject", `reject limit ssh lan -> self  tcp 10.99.0.2:P > 10.99.0.1:22 S len 60`},
		{"proto icmp", `"DROP "         lan -> self  icmp 10.99.0.2 > 10.99.0.1 echo-request len 28`},
		{"reason automatic", `pass automatic  self -> lan  udp 10.99.0.1:P > 10.99.0.2:123 len 76`},
	} {
		e := find(tc.words)
		_, line, _ := strings.Cut(e.String(), " ") // without the time
		if port := strconv.Itoa(int(e.SrcPort)); e.SrcPort != 0 {
			line = strings.Replace(line, ":"+port+" ", ":P ", 1)
		}
		if line != tc.want {
			t.Errorf("%s:\n%s, want\n%s", tc.words, line, tc.want)
		}
		if e.Time.Before(began.Add(-time.Second)) || e.Time.After(time.Now()) {
			t.Errorf("%s: at %v", tc.words, e.Time)
		}
		if in := e.In == "lan0"; in && e.SrcMAC.String() != clientMAC || !in && e.SrcMAC != (MAC{}) {
			t.Errorf("%s: from %v", tc.words, e.SrcMAC)
		}
	}
	if e := find("rule no-dns"); e.Mark != 17 || e.TTL != 64 {
		t.Errorf("mark %d, TTL %d", e.Mark, e.TTL)
	}
	if s := r.Stats(); s != (Stats{Entries: 5}) {
		t.Errorf("stats %+v", s)
	}
}

func write(t *testing.T, c net.Conn, payload string) {
	t.Helper()
	if _, err := c.Write([]byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// TestReaderSurvivesOverrun holds the reader at its first entry while a burst fills the socket, lets it go on, and wants every
// packet of the burst accounted for.
func TestReaderSurvivesOverrun(t *testing.T) {
	const burst = 20_000
	gw, client := namespaces(t)
	run(t, gw, logging(), "nft", "-f", "-")
	held, release := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(held); <-release })
	ring := NewRing(burst)
	r, stop := start(t, gw, Config{Group: 1, Ring: ring, Buffer: 1 << 16, Name: func(string) string { hold(); return "lan" }})

	c := dial(t, client, "udp", "10.99.0.1:9000")
	write(t, c, "first")
	<-held
	for range burst {
		write(t, c, "flood")
	}
	// The kernel's own counter says when the burst is through, which is handed over in the background.
	eventually(t, "the burst", func() bool { return logged(t, gw) == burst+1 })
	close(release)
	eventually(t, "an overrun", func() bool { return r.Stats().Overruns > 0 })
	// Losses show with the next packet that arrives.
	total := uint64(burst + 1)
	eventually(t, "all accounted for", func() bool {
		write(t, c, "after")
		total++
		s := r.Stats()
		return s.Lost > 0 && s.Entries+s.Lost >= burst+1
	})
	eventually(t, "the last", func() bool { s := r.Stats(); return s.Entries+s.Lost == total })

	stop()
	s := r.Stats()
	if n := logged(t, gw); n != s.Entries+s.Lost {
		t.Errorf("the kernel logged %d packets, %d were read and %d lost", n, s.Entries, s.Lost)
	}
	var lost uint64
	for _, e := range ring.Tail(burst, nil) {
		lost += e.Lost
	}
	if lost != s.Lost || lost == 0 || s.Malformed != 0 {
		t.Errorf("the entries tell of %d that were lost, the stats are %+v", lost, s)
	}
}

// logged is how many packets the rule for port 9000 has met.
func logged(t *testing.T, ns netns.NsHandle) uint64 {
	t.Helper()
	m := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(run(t, ns, "", "nft", "list", "table", "inet", "test"))
	if m == nil {
		t.Fatal("nft lists no counter")
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestGroupHasOneReader(t *testing.T) {
	gw, _ := namespaces(t)
	ring := NewRing(1)
	_, stop := start(t, gw, Config{Group: 7, Ring: ring})
	inside(t, gw, func() {
		if err := NewReader(Config{Group: 7, Ring: ring}).Run(t.Context()); !errors.Is(err, unix.EPERM) {
			t.Errorf("a second reader: %v, want %v", err, unix.EPERM)
		}
	})
	stop()
	start(t, gw, Config{Group: 7, Ring: ring}) // the group is free again
}
