package links

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// Owner keeps a machine as the last applied State wants it. Its methods may be
// called at the same time.
type Owner struct {
	kernel Kernel
	log    hclog.Logger
	stats  Stats
	// Something may have changed, for Run and for others; each holds one.
	news, changed chan struct{}

	mu      sync.Mutex // of all below
	record  record
	owned   Owned
	loaded  bool
	want    State
	applied bool   // want is from Apply
	trouble string // what is not as want says, as of the last look
}

// Stats counts what an Owner did on its own.
type Stats struct {
	Mends        atomic.Uint64 // changes of others that were undone
	Failures     atomic.Uint64 // mends that the kernel refused
	Resubscribed atomic.Uint64 // times that events were lost and listened for anew
}

// New makes an Owner whose record is the file statePath. It is read by the
// first Apply or Release; its folder is made when needed.
func New(kernel Kernel, statePath string, log hclog.Logger) *Owner {
	return &Owner{
		kernel: kernel, record: record{path: statePath}, log: log,
		news: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
}

// Stats counts since New.
func (o *Owner) Stats() *Stats { return &o.stats }

// Apply makes the machine as want says and returns what it changed; when
// applied again it changes nothing. It does all that can be done: the error
// joins the faults of want on this machine, as Check returns them, and what the
// kernel refused. Run tries that again, and does what was meant for a missing
// device when it appears.
func (o *Owner) Apply(ctx context.Context, want State) ([]Op, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.want, o.applied = want.clone(), true
	done, faults, err := o.settle(ctx)
	for _, op := range done {
		o.log.Info("changed", "op", op.String())
	}
	if err != nil {
		o.tell()
	}
	all := errors.Join(append(faults, err)...)
	o.trouble = text(all)
	return done, all
}

// Check tells the faults of want on this machine and changes nothing. They are
// joined: *MissingDevice, *AmbiguousMAC, *SharedDevice, *MissingRouteDevice,
// *DownDevice, *HopWithoutVia, *DuplicateRoute, *MissingProxyDevice, *MissingSysctl
// and *FixedSysctl.
func (o *Owner) Check(_ context.Context, want State) error {
	have, err := o.look(want, Owned{})
	if err != nil {
		return err
	}
	return errors.Join(faults(have, want)...)
}

// Release gives back all that was added or changed, and forgets the State.
func (o *Owner) Release(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.want, o.applied, o.trouble = State{}, false, ""
	_, _, err := o.settle(ctx)
	if err != nil {
		return err
	}
	o.owned = Owned{Identity: o.owned.Identity}
	return o.record.remove()
}

// settle does what the wanted state asks for. What the kernel refused is tried
// once more from a fresh look, since the machine may have changed meanwhile.
func (o *Owner) settle(ctx context.Context) (done []Op, unmet []error, err error) {
	if err := o.load(); err != nil {
		return nil, nil, err
	}
	for range 2 {
		have, lookErr := o.look(o.want, o.owned)
		if lookErr != nil {
			return done, nil, lookErr
		}
		unmet = faults(have, o.want)
		var changed []Op
		changed, err = o.do(ctx, have)
		done = append(done, changed...)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return done, unmet, err
}

// do carries out the difference. The record is written first and corrected
// after: a record that cannot be written does not keep the gateway down.
func (o *Owner) do(ctx context.Context, have Machine) ([]Op, error) {
	ops := Diff(have, o.want, o.owned)
	o.owned = o.owned.next(have, o.want, ops)
	errs := []error{o.record.save(o.owned)}
	var done []Op
	for _, op := range ops {
		err := ctx.Err()
		if err == nil {
			err = o.kernel.Do(op)
		}
		if errors.Is(err, ErrRouteBeside) {
			o.log.Warn("another route has the destination and metric of ours", "op", op.String(), "cause", err)
			err = nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", op, err))
			o.owned = o.owned.failed(op)
			continue
		}
		done = append(done, op)
		o.owned = o.owned.done(op)
	}
	errs = append(errs, o.record.save(o.owned))
	return done, errors.Join(errs...)
}

// load reads the record once. One of another boot or namespace says nothing,
// and one that cannot be read neither: then nothing is removed that was there.
func (o *Owner) load() error {
	if o.loaded {
		return nil
	}
	identity, err := o.kernel.Identity()
	if err != nil {
		return fmt.Errorf("identify machine: %w", err)
	}
	owned, err := o.record.load()
	if err != nil {
		o.log.Warn("record of links is lost: what was added before stays", "cause", err)
	}
	if owned.Identity != identity {
		owned = Owned{Identity: identity}
	}
	o.owned, o.loaded = owned, true
	return nil
}

// look reads the machine, and of its settings those that matter.
func (o *Owner) look(want State, owned Owned) (Machine, error) {
	devices, err := o.kernel.Devices()
	if err != nil {
		return Machine{}, fmt.Errorf("list devices: %w", err)
	}
	routes, err := o.kernel.Routes()
	if err != nil {
		return Machine{}, fmt.Errorf("list routes: %w", err)
	}
	rules, err := o.kernel.Rules()
	if err != nil {
		return Machine{}, fmt.Errorf("list rules: %w", err)
	}
	proxies, err := o.kernel.Proxies()
	if err != nil {
		return Machine{}, fmt.Errorf("list proxies: %w", err)
	}
	m := Machine{Devices: devices, Routes: routes, Rules: rules, Proxies: proxies, Sysctls: make(map[string]string)}
	for _, path := range paths(devices, want, owned) {
		value, err := o.kernel.Sysctl(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Machine{}, fmt.Errorf("read sysctl %s: %w", path, err)
		}
		m.Sysctls[path] = value
	}
	m.Fixed, err = o.fixed(m, want)
	return m, err
}

// fixed asks which settings of the whole machine would have to change and cannot.
func (o *Owner) fixed(have Machine, want State) (map[string]bool, error) {
	var out map[string]bool
	for _, s := range resolve(have.Devices, want).sysctls {
		value, ok := have.Sysctls[s.Path]
		if !s.Shared || !ok || s.met(value) {
			continue
		}
		settable, err := o.kernel.Settable(s.Path)
		if err != nil {
			return nil, fmt.Errorf("open sysctl %s: %w", s.Path, err)
		}
		if settable {
			continue
		}
		if out == nil {
			out = map[string]bool{}
		}
		out[s.Path] = true
	}
	return out, nil
}

func paths(devices []Device, want State, owned Owned) []string {
	var paths []string
	for _, s := range resolve(devices, want).sysctls {
		paths = append(paths, s.Path)
	}
	for _, s := range owned.Sysctls {
		paths = append(paths, s.Path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// text is an error's message; empty when there is none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// faults is what of want cannot be had on this machine.
func faults(have Machine, want State) []error {
	t := resolve(have.Devices, want)
	for _, s := range t.sysctls {
		if _, ok := have.Sysctls[s.Path]; !ok && !s.Optional {
			t.faults = append(t.faults, &MissingSysctl{Path: s.Path})
		}
		if have.Fixed[s.Path] {
			t.faults = append(t.faults, &FixedSysctl{Path: s.Path, Have: have.Sysctls[s.Path], Want: s.Value})
		}
	}
	return t.faults
}

func (s State) clone() State {
	s.Links = slices.Clone(s.Links)
	for i := range s.Links {
		s.Links[i].Addresses = slices.Clone(s.Links[i].Addresses)
		s.Links[i].Moving = slices.Clone(s.Links[i].Moving)
		s.Links[i].MAC = slices.Clone(s.Links[i].MAC)
	}
	s.Routes = slices.Clone(s.Routes)
	for i := range s.Routes {
		s.Routes[i].Hops = slices.Clone(s.Routes[i].Hops)
	}
	s.Rules = slices.Clone(s.Rules)
	s.Proxies = slices.Clone(s.Proxies)
	s.Sysctls = slices.Clone(s.Sysctls)
	return s
}
