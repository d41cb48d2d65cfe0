package flowdiff

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/rempart/rempart/ha/conntrack"
	"github.com/rempart/rempart/lab"
)

// kernelOf is the table of a host of the lab.
type kernelOf struct{ host *lab.Host }

func (k kernelOf) Walk(ctx context.Context, fn func(*conntrack.Flow, *conntrack.Extra) error) error {
	return k.host.Do(func() error { return Kernel{}.Walk(ctx, fn) })
}

// put puts flows into the kernel of a host.
func put(t *testing.T, h *lab.Host, flows ...conntrack.Flow) {
	t.Helper()
	err := h.Do(func() (err error) {
		table, err := conntrack.OpenTable()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, table.Close()) }()
		var batch []byte
		for i := range flows {
			batch = conntrack.AppendCreate(batch, uint32(i), &flows[i], nil, 600)
		}
		var m conntrack.Message
		return table.Do(batch, func(msg []byte) {
			if err := m.Parse(msg); err != nil || m.Errno != 0 {
				t.Errorf("flow %d: errno %d, %v", m.Seq, m.Errno, err)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKernels compares the tables of two kernels, in both directions.
func TestKernels(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	lan := lab.Test(t)
	here, there := lan.Host("fw1"), lan.Host("fw2")
	var flows []conntrack.Flow
	for _, e := range append(many(200), ping()) {
		flows = append(flows, e.flow)
	}
	put(t, here, flows...)
	changed := flows[199]
	changed.Mark = 0x10004
	put(t, there, append([]conntrack.Flow{changed}, flows[1:199]...)...)
	sides := [2]Side{Local{kernelOf{here}, answered}, Local{kernelOf{there}, answered}}

	got := compared(t, sides[0], sides[1], 100)
	if got.Here != 201 || got.There != 199 || len(got.Flows) != 3 || got.More {
		t.Fatalf("%+v", got)
	}
	if f := got.Flows[2]; f.Here != "mark 0x10003" || f.There != "mark 0x10004" {
		t.Errorf("%+v", f)
	}
	if f := got.Flows[0]; f.Here == "" || f.There != "" {
		t.Errorf("%+v", f)
	}
	if got = compared(t, sides[1], sides[0], 100); len(got.Flows) != 3 || got.Flows[0].Here != "" {
		t.Errorf("the other way round %+v", got)
	}
	if got = compared(t, sides[0], sides[0], 100); len(got.Flows) != 0 || got.More {
		t.Errorf("beside itself %+v", got)
	}
}

// TestLocals knows the addresses of a host.
func TestLocals(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	h := lab.Test(t).Host("fw1")
	err := h.Do(func() error {
		local, err := Kernel{}.Locals()
		if err == nil && (!local(conntrack.IPv4, bytesOf("127.0.0.1")) || local(conntrack.IPv4, bytesOf("192.0.2.7"))) {
			t.Error("127.0.0.1 is of this machine, and 192.0.2.7 is not")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
