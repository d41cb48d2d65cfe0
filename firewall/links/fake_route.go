package links

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Routes lists the routes.
func (f *Fake) Routes() ([]Route, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.routes), nil
}

// Defaults lists the routes of SetDefaults.
func (f *Fake) Defaults() ([]Route, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.defaults), nil
}

// SetDefaults makes those the default routes that others put there.
func (f *Fake) SetDefaults(routes ...Route) {
	f.change(func() { f.defaults = slices.Clone(routes) })
}

// Rules lists the rules of policy routing.
func (f *Fake) Rules() ([]Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.rules), nil
}

// addRoute refuses a route by a device that is down, and knows the default routes
// of others, as the kernel does.
func (f *Fake) addRoute(r Route) error {
	for _, h := range r.hops() {
		if d := f.device(h.Device); d != nil && !d.Up {
			return fmt.Errorf("device %q: %w", h.Device, unix.ENETDOWN)
		}
	}
	r = r.canonical()
	taken := slices.ContainsFunc(f.defaults, func(d Route) bool { return d.canonical().key() == r.key() })
	if taken && r.Dst.Addr().Is6() {
		return ErrRouteTaken
	}
	f.routes = append(f.routes, r)
	if taken {
		return ErrRouteBeside
	}
	return nil
}

func (f *Fake) replaceRoute(before, after Route) error {
	if err := f.addRoute(after); err != nil && !errors.Is(err, ErrRouteBeside) {
		return err
	}
	f.deleteRoute(before)
	return nil
}

func (f *Fake) deleteRoute(r Route) {
	f.routes = slices.DeleteFunc(f.routes, func(old Route) bool { return old.leadsAs(r.canonical()) })
}

// dropDown removes the routes that have no device left that is up.
func (f *Fake) dropDown() {
	f.routes = slices.DeleteFunc(f.routes, func(r Route) bool {
		return r.Kind == Unicast && !slices.ContainsFunc(r.hops(), func(h Hop) bool {
			d := f.device(h.Device)
			return h.Device == "" || d != nil && d.Up
		})
	})
}

// dropRoutes removes the routes by a device that is gone: in IPv4 whole ones, in
// IPv6 their hop.
func (f *Fake) dropRoutes(device string) {
	var left []Route
	for _, r := range f.routes {
		if !r.uses(device) {
			left = append(left, r)
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(r.hops()), func(h Hop) bool { return h.Device == device })
		if r.Dst.Addr().Is6() && len(rest) > 0 {
			left = append(left, r.along(rest))
		}
	}
	f.routes = left
}
