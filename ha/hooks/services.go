package hooks

import (
	"context"
	"slices"
)

// tied decides what the services that are tied to the role should do. It is not known at first
// whether they run: who was killed as master left them running.
type tied struct {
	masters map[string]bool
	known   bool // roles have been told
	want    bool
	has     bool
	settled bool // has is what was last asked for
}

func newTied() tied { return tied{masters: make(map[string]bool)} }

// see takes in a change. One that releases is master until it has let go.
func (t *tied) see(c Change) {
	t.known = true
	switch c.To {
	case master:
		t.masters[c.Group] = true
	case releasing:
	default:
		delete(t.masters, c.Group)
	}
	t.want = len(t.masters) > 0
}

// waits says whether something has to be asked for.
func (t *tied) waits() bool { return t.known && (!t.settled || t.want != t.has) }

// take is what to ask for now.
func (t *tied) take() (on bool) {
	t.has, t.settled = t.want, true
	return t.has
}

// fail has the next change ask again. One that came meanwhile is such a change.
func (t *tied) fail() {
	t.settled = false
	t.known = t.known && t.want != t.has
}

// drop asks for nothing any more.
func (t *tied) drop() { t.known = false }

// switchServices starts or stops the services.
func (r *Runner) switchServices(ctx context.Context, on bool) {
	names := r.services()
	r.forget("", names)
	if len(names) == 0 {
		return
	}
	verb := "stop"
	if on {
		verb = "start"
	}
	o := r.systemctl(ctx, verb, names)
	for _, name := range names {
		r.keep(Result{Name: name, Role: verb, Took: o.took, Err: o.err()})
	}
	if o.ok {
		r.log.Info("services follow the role", "do", verb, "services", names, "took", o.took)
		return
	}
	r.log.Warn("services do not follow the role", "do", verb, "services", names, "how", o.why, "output", o.output)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tied.fail()
}

func (r *Runner) systemctl(ctx context.Context, verb string, names []string) outcome {
	path := r.find("systemctl")
	if path == "" {
		return outcome{why: "systemctl is not on this machine: nobody can " + verb + " services"}
	}
	return r.execute(ctx, command{
		argv: slices.Concat([]string{path, verb}, names), env: []string{"PATH=" + searchPath},
		limit: hookLimit, grace: hookGrace,
	})
}
