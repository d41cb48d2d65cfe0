package links

import (
	"errors"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
)

func TestPlanSaysWhatApplyDoes(t *testing.T) {
	k := NewFake(Device{Index: 2, Name: "eth1", MTU: 1500})
	o := New(k, filepath.Join(t.TempDir(), "links.json"), hclog.NewNullLogger())
	want := State{Links: []Link{{Name: "lan", Device: "eth1", Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.2.1/24")}}}}
	before := k.String()
	planned, err := o.Plan(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if after := k.String(); after != before {
		t.Errorf("Plan changed the machine:\n%s", cmp.Diff(before, after))
	}
	done, err := o.Apply(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	text := func(ops []Op) (out []string) {
		for _, op := range ops {
			out = append(out, op.String())
		}
		return out
	}
	if diff := cmp.Diff(text(planned), text(done)); diff != "" || len(done) == 0 {
		t.Errorf("Apply did other than Plan said (-plan +done):\n%s", diff)
	}
	if again, err := o.Plan(t.Context(), want); err != nil || len(again) > 0 {
		t.Errorf("Plan after Apply: %v, %v", again, err)
	}
}

func TestDevicesNamesWhatIsFound(t *testing.T) {
	k := NewFake(Device{Index: 2, Name: "eth1", MTU: 1500})
	o := New(k, filepath.Join(t.TempDir(), "links.json"), hclog.NewNullLogger())
	names, err := o.Devices(State{Links: []Link{{Name: "lan", Device: "eth1"}, {Name: "wan", Device: "eth9"}}})
	var missing *MissingDevice
	if !errors.As(err, &missing) || missing.Link != "wan" {
		t.Errorf("error %v, want wan missing", err)
	}
	if diff := cmp.Diff(map[string]string{"lan": "eth1"}, names); diff != "" {
		t.Error(diff)
	}
}
