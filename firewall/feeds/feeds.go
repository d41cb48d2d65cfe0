// Package feeds keeps what aliases learn from outside: the addresses behind
// names, and lists from files and URLs.
//
//	Set(config) -> sources -> Run: resolve or fetch when due -> judge -> disk -> Snapshot
//
// Whatever goes wrong, the content that was learned last stays: over failed
// resolutions, unreachable servers, lists that came damaged, and restarts.
//
// Names are resolved again when the shortest TTL of the answer ends, within
// bounds. An address that an answer no longer names stays for one more TTL
// after the one it was valid for, so that a name which hands out its addresses
// in turn collects them all. Addresses leave only at an answer, never because
// there was none; "no such name" and an answer without addresses count as none.
//
// Lists are fetched at their refresh interval, and only if they changed. One
// that is damaged is refused, one that lost half of its entries is held back
// until somebody forces it (Refresh).
//
// Two nodes with one policy learn the same in turn: what one of them Exports, the
// other one Imports where it was confirmed later than what it has, as if it had asked itself.
package feeds

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go4.org/netipx"

	"github.com/rempart/rempart/config"
)

// Snapshot is all that is learned at one moment. It is shared: nobody changes it.
type Snapshot struct {
	// Names holds the addresses of each name as the policy writes it, sorted.
	// A name that was never resolved is absent.
	Names map[string][]netip.Addr
	// Lists holds the content of each list alias. One that was never fetched is absent.
	Lists map[string]*netipx.IPSet
}

// Options is what Feeds works with. The zero value keeps nothing on disk and
// asks the name servers of the system.
type Options struct {
	// Dir is where learned content is kept; it is made when needed. Empty: nowhere.
	Dir      string
	Resolver Resolver     // nil: the system's name servers
	Fetcher  Fetcher      // nil: NewWeb("")
	Log      hclog.Logger // nil: silent
	// MinTTL and MaxTTL bound for how long an answer is believed; 0: 30 seconds and 24 hours.
	MinTTL, MaxTTL time.Duration
}

// Feeds keeps the content of the sources that a policy names.
type Feeds struct {
	resolver Resolver
	fetcher  Fetcher
	log      hclog.Logger
	store    store
	minTTL   time.Duration
	maxTTL   time.Duration

	changed  chan struct{}
	wake     chan struct{} // Run has to look at the sources again
	outcomes chan outcome
	parsing  chan struct{} // held by the one that reads a list: bounds memory

	importing sync.Mutex // one Import at a time; taken before mu
	summing   sync.Mutex // guards sums
	sums      map[key]sumOf

	setting sync.Mutex // one Set at a time; taken before mu
	mu      sync.Mutex // guards what follows
	sources map[key]*source
	aliases map[string][]key // what each alias is fed from
}

// New returns Feeds that want nothing yet. It starts nothing.
func New(o Options) *Feeds {
	f := &Feeds{
		resolver: o.Resolver,
		fetcher:  o.Fetcher,
		log:      o.Log,
		store:    store{dir: o.Dir},
		minTTL:   o.MinTTL,
		maxTTL:   o.MaxTTL,
		changed:  make(chan struct{}, 1),
		wake:     make(chan struct{}, 1),
		outcomes: make(chan outcome),
		parsing:  make(chan struct{}, 1),
		sources:  make(map[key]*source),
		sums:     make(map[key]sumOf),
	}
	if f.resolver == nil {
		f.resolver = &DNS{}
	}
	if f.fetcher == nil {
		f.fetcher = NewWeb("")
	}
	if f.log == nil {
		f.log = hclog.NewNullLogger()
	}
	if f.minTTL == 0 {
		f.minTTL = defaultMinTTL
	}
	if f.maxTTL == 0 {
		f.maxTTL = defaultMaxTTL
	}
	return f
}

// Set declares all that is wanted: the names and lists of c, and nothing else.
// Content that is kept on disk for a new source is read at once, so a Snapshot
// taken after Set has it. A list whose URL changed keeps its content until the
// new URL has answered. It may be called before Run and at any time.
func (f *Feeds) Set(c *config.Config) {
	f.setting.Lock()
	defer f.setting.Unlock()
	wanted, aliases := wantedBy(c)
	now := time.Now()
	loaded := f.load(wanted, now)

	f.mu.Lock()
	changed := f.replaceLocked(wanted, loaded, now)
	f.aliases = aliases
	keep := slices.Collect(maps.Keys(f.sources))
	f.mu.Unlock()

	signal(f.wake)
	if changed {
		signal(f.changed)
	}
	if err := f.store.prune(keep, now.Add(-keptUnwanted)); err != nil {
		f.log.Warn("old learned content stays on disk", "cause", err)
	}
}

// load reads from disk what is kept for the wanted sources that are new.
func (f *Feeds) load(wanted []want, now time.Time) map[key]*source {
	f.mu.Lock()
	known := maps.Clone(f.sources)
	f.mu.Unlock()
	loaded := make(map[key]*source)
	for _, w := range wanted {
		if known[w.key] != nil {
			continue
		}
		s := newSource(w, now)
		kept, at, err := f.store.load(w.key)
		switch {
		case err != nil:
			f.log.Warn("learned content is damaged and is not used", "source", w.name, "cause", err)
			s.problem = fmt.Sprintf("%v: it is learned anew", err)
		case !at.IsZero():
			s.restore(kept, at, now)
		}
		loaded[w.key] = s
	}
	return loaded
}

// replaceLocked makes the sources those that are wanted, and says whether the content changed by that.
func (f *Feeds) replaceLocked(wanted []want, loaded map[key]*source, now time.Time) (changed bool) {
	before := f.sources
	f.sources = make(map[key]*source, len(wanted))
	for _, w := range wanted {
		s := before[w.key]
		switch {
		case s == nil:
			s = loaded[w.key]
			changed = changed || !s.known.empty()
		case s.url != w.url:
			s.abandon()
			s = s.movedTo(w, now)
		default:
			s.setRefresh(w.refresh, now)
		}
		f.sources[w.key] = s
	}
	for k, s := range before {
		if f.sources[k] == nil {
			s.abandon()
			changed = changed || !s.known.empty()
		}
	}
	return changed
}

// Changed is sent to after the content of a Snapshot changed; several changes
// may come as one. The content did change: an answer equal to the last one is silent.
func (f *Feeds) Changed() <-chan struct{} { return f.changed }

// Snapshot returns all that is known now about the sources that are wanted now.
func (f *Feeds) Snapshot() Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return snapshotOf(f.sources)
}

// Peek is what a Snapshot would be after Set(c), without setting anything:
// what is known of the sources of c, kept on disk or learned already.
func (f *Feeds) Peek(c *config.Config) Snapshot {
	wanted, _ := wantedBy(c)
	sources := f.load(wanted, time.Now())
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range wanted {
		if s := f.sources[w.key]; s != nil {
			sources[w.key] = s
		}
	}
	return snapshotOf(sources)
}

func snapshotOf(sources map[key]*source) Snapshot {
	s := Snapshot{Names: make(map[string][]netip.Addr), Lists: make(map[string]*netipx.IPSet)}
	for k, src := range sources {
		switch {
		case src.known.empty():
		case k.kind == Name:
			s.Names[k.name] = src.known.addresses()
		case k.kind == List:
			s.Lists[k.name] = src.known.list
		}
	}
	return s
}

// Status describes every wanted source: names first, each kind in order of its names.
func (f *Feeds) Status() []Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Source, 0, len(f.sources))
	for _, k := range slices.SortedFunc(maps.Keys(f.sources), key.compare) {
		all = append(all, f.sources[k].status())
	}
	return all
}

// Refresh makes a name, or all that feeds an alias, due now. With force a list
// is taken although it shrank or became empty; what is damaged is refused all the same.
func (f *Feeds) Refresh(name string, force bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := f.aliases[name]
	if k := (key{Name, name}); f.sources[k] != nil {
		keys = append(slices.Clip(keys), k)
	}
	if len(keys) == 0 {
		return fmt.Errorf("refresh %q: no alias of that name has a url or names, and no alias holds it as a name: see show aliases", name)
	}
	for _, k := range keys {
		f.sources[k].refreshNow(time.Now(), force)
	}
	signal(f.wake)
	return nil
}

// signal leaves a token unless one is waiting already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
