package feeds

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rempart/rempart/config"
)

// world stands for everything outside: names and lists as a test sets them.
type world struct {
	mu      sync.Mutex
	names   map[string]Answer // both families; absent: silence
	lists   map[string]string // absent: silence
	slow    time.Duration     // how long everything takes
	lookups []string
	fetches []string
	busy    map[Kind]int
	most    map[Kind]int // at once, ever
}

func newWorld() *world {
	return &world{names: map[string]Answer{}, lists: map[string]string{}, busy: map[Kind]int{}, most: map[Kind]int{}}
}

func (w *world) name(name string, ttl time.Duration, addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[name] = Answer{Addresses: addrs(addresses...), TTL: ttl}
}

func (w *world) list(url, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lists[url] = text
}

func (w *world) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.names)
	clear(w.lists)
}

// take waits as long as things take, and notes how much goes on at once.
func (w *world) take(ctx context.Context, k Kind) error {
	w.mu.Lock()
	w.busy[k]++
	w.most[k] = max(w.most[k], w.busy[k])
	slow := w.slow
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.busy[k]--
		w.mu.Unlock()
	}()
	select {
	case <-time.After(slow):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Lookup notes only the questions for A, so that each name counts once.
func (w *world) Lookup(ctx context.Context, name string, f Family) (Answer, error) {
	if f == IPv6 {
		return w.answer(name, f)
	}
	if err := w.take(ctx, Name); err != nil {
		return Answer{}, err
	}
	w.mu.Lock()
	w.lookups = append(w.lookups, name)
	w.mu.Unlock()
	return w.answer(name, f)
}

func (w *world) answer(name string, f Family) (Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, ok := w.names[name]
	if !ok {
		return Answer{}, errors.New("silence")
	}
	a := Answer{TTL: all.TTL}
	for _, addr := range all.Addresses {
		if f.has(addr) {
			a.Addresses = append(a.Addresses, addr)
		}
	}
	return a, nil
}

func (w *world) Fetch(ctx context.Context, url string, have Version) (Document, error) {
	if err := w.take(ctx, List); err != nil {
		return Document{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetches = append(w.fetches, url)
	text, ok := w.lists[url]
	v := Version{ETag: text}
	switch {
	case !ok:
		return Document{}, errors.New("silence")
	case v == have:
		return Document{Unchanged: true, Version: v}, nil
	}
	return Document{Body: io.NopCloser(strings.NewReader(text)), Version: v}, nil
}

func (w *world) counts() (lookups, fetches int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lookups), len(w.fetches)
}

// policy makes a config of aliases such as "updates deb.example.org" and
// "drop https://lists.example.org/drop 1h".
func policy(t *testing.T, aliases ...string) *config.Config {
	t.Helper()
	c := new(config.Config)
	for _, text := range aliases {
		words := strings.Fields(text)
		a := config.Alias{Name: words[0], Kind: config.AliasAddresses}
		if strings.Contains(text, ":") {
			refresh, err := time.ParseDuration(words[2])
			if err != nil {
				t.Fatal(err)
			}
			a.Kind, a.URL, a.Refresh = config.AliasList, words[1], refresh
			words = nil
		}
		for _, name := range words[min(1, len(words)):] {
			a.Addresses = append(a.Addresses, config.AddressTerm{Kind: config.TermDomain, Name: name})
		}
		c.Aliases = append(c.Aliases, a)
	}
	return c
}

// run runs f until the test calls stop.
func run(t *testing.T, f *Feeds) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func changed(f *Feeds) bool {
	select {
	case <-f.Changed():
		return true
	default:
		return false
	}
}

// snapshot is what a test compares: ranges and addresses as text.
func snapshot(f *Feeds) map[string]string {
	s := f.Snapshot()
	out := map[string]string{}
	for name, addresses := range s.Names {
		out[name] = strings.Join(textsOf(addresses), " ")
	}
	for alias, set := range s.Lists {
		out["@"+alias] = strings.Join(texts(set), " ")
	}
	return out
}

func textsOf(addresses []netip.Addr) []string {
	var out []string
	for _, a := range addresses {
		out = append(out, a.String())
	}
	return out
}

func status(t *testing.T, f *Feeds, name string) Source {
	t.Helper()
	for _, s := range f.Status() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no source %q", name)
	return Source{}
}
