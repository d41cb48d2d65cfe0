package links

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

// TestTracking: the values that a table of so many flows needs.
func TestTracking(t *testing.T) {
	for flows, want := range map[int]map[string]string{
		0:          {"nf_conntrack_events": "1"},
		1024:       {"nf_conntrack_events": "1", "nf_conntrack_buckets": "512", "nf_conntrack_max": "1024"},
		1_000_000:  {"nf_conntrack_events": "1", "nf_conntrack_buckets": "500224", "nf_conntrack_max": "1000000"},
		16_777_216: {"nf_conntrack_events": "1", "nf_conntrack_buckets": "8388608", "nf_conntrack_max": "16777216"},
	} {
		got := map[string]string{}
		for _, s := range Tracking(flows) {
			got[filepath.Base(s.Path)] = s.Value
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d flows (-want +got):\n%s", flows, d)
		}
	}
}

// TestMoreIsAsGood: a setting that has a least value is left alone where there is more.
func TestMoreIsAsGood(t *testing.T) {
	for _, tt := range []struct {
		s    Sysctl
		have string
		met  bool
	}{
		{Sysctl{Value: "512", AtLeast: true}, "512", true},
		{Sysctl{Value: "512", AtLeast: true}, "65536", true},
		{Sysctl{Value: "512", AtLeast: true}, "511", false},
		{Sysctl{Value: "512", AtLeast: true}, "many", false},
		{Sysctl{Value: "512"}, "65536", false},
		{Sysctl{Value: "512"}, "512", true},
	} {
		if got := tt.s.met(tt.have); got != tt.met {
			t.Errorf("%+v of %s: %v", tt.s, tt.have, got)
		}
	}
}

// TestTrackingIsKept: the settings are written, mended and given back.
func TestTrackingIsKept(t *testing.T) {
	f := NewFake()
	f.write(maxPath, "65536")
	f.write(bucketsPath, "65536")
	o := New(f, filepath.Join(t.TempDir(), "links.json"), hclog.NewNullLogger())
	want := State{Sysctls: Tracking(100_000)}
	expect := func(when, max, buckets, events string) {
		t.Helper()
		got := []string{f.sysctls[maxPath], f.sysctls[bucketsPath], f.sysctls[eventsPath]}
		if d := cmp.Diff([]string{max, buckets, events}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	if _, err := o.Apply(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	expect("applied", "100000", "65536", "1")
	f.write(maxPath, "5")
	if mended, refused := o.mend(t.Context()); !mended || refused {
		t.Errorf("mended: %v, refused: %v", mended, refused)
	}
	expect("mended", "100000", "65536", "1")
	if err := o.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("released", "65536", "65536", "0")
}

// TestFixedSettings: what belongs to the whole machine and can only be read is told, with the
// file and both values, and not tried.
func TestFixedSettings(t *testing.T) {
	f := NewFake()
	f.Fix(maxPath, "65536")
	f.write(bucketsPath, "65536")
	o := New(f, filepath.Join(t.TempDir(), "links.json"), hclog.NewNullLogger())
	want := State{Sysctls: Tracking(100_000)}
	for what, err := range map[string]error{"check": o.Check(t.Context(), want), "apply": second(o.Apply(t.Context(), want))} {
		var fixed *FixedSysctl
		if !errors.As(err, &fixed) || *fixed != (FixedSysctl{Path: maxPath, Have: "65536", Want: "100000"}) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := f.sysctls[maxPath]; got != "65536" {
		t.Errorf("max is %s", got)
	}
	if mended, refused := o.mend(t.Context()); mended || refused {
		t.Errorf("mended: %v, refused: %v", mended, refused)
	}
	const text = "/proc/sys/net/netfilter/nf_conntrack_max is 65536 and cannot be changed in this network namespace: write 100000 into it on the machine itself"
	if got := (&FixedSysctl{Path: maxPath, Have: "65536", Want: "100000"}).Error(); got != text {
		t.Errorf("it says %q", got)
	}
	if err := o.Check(t.Context(), State{Sysctls: Tracking(65_536)}); err != nil {
		t.Errorf("what is right already: %v", err)
	}
}

func second(_ []Op, err error) error { return err }

const (
	eventsPath  = "net/netfilter/nf_conntrack_events"
	bucketsPath = "net/netfilter/nf_conntrack_buckets"
	maxPath     = "net/netfilter/nf_conntrack_max"
)
