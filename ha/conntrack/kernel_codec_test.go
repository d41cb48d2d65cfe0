package conntrack

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/rempart/rempart/lab"
)

// kernel is the conntrack table of a namespace of the test.
type kernel struct {
	t     testing.TB
	host  *lab.Host
	table *Table
	walk  *Walk
}

func openKernel(t testing.TB) *kernel {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	k := &kernel{t: t, host: lab.Test(t).Host("gw")}
	err := k.host.Do(func() (err error) {
		if k.table, err = OpenTable(); err != nil {
			return err
		}
		k.walk, err = OpenWalk()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.table.Close(), k.walk.Close()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// do sends requests and returns what the kernel answers.
func (k *kernel) do(batch []byte) (answers []Message) {
	k.t.Helper()
	err := k.table.Do(batch, func(msg []byte) { answers = append(answers, parsed(k.t, msg)) })
	if err != nil {
		k.t.Fatal(err)
	}
	return answers
}

// must sends requests that the kernel takes without a word.
func (k *kernel) must(what string, batch []byte) {
	k.t.Helper()
	for _, a := range k.do(batch) {
		k.t.Fatalf("%s: %v of %d: %v", what, a.Event, a.Seq, unix.Errno(a.Errno))
	}
}

// refuses sends one request that the kernel refuses.
func (k *kernel) refuses(what string, request []byte, want unix.Errno) {
	k.t.Helper()
	a := k.do(request)
	if len(a) != 1 || a[0].Event != Refused || unix.Errno(a[0].Errno) != want {
		k.t.Fatalf("%s: answered with %+v, not refused with %v", what, a, want)
	}
}

// all is what a walk shows.
func (k *kernel) all(kind Kind) map[Key]Message {
	k.t.Helper()
	if err := k.walk.Start(kind, 0); err != nil {
		k.t.Fatal(err)
	}
	found := map[Key]Message{}
	for done := false; !done; {
		var err error
		done, err = k.walk.Read(func(msg []byte) {
			m := parsed(k.t, msg)
			if m.Event != Update || m.Flow.Kind != kind {
				k.t.Fatalf("a walk shows %+v", m)
			}
			found[m.Flow.Key] = m
		})
		if err != nil {
			k.t.Fatal(err)
		}
	}
	return found
}

// ask is the answer to a question for the flow.
func (k *kernel) ask(key Key) Message {
	k.t.Helper()
	a := k.do(AppendAsk(nil, 3, &key))
	if len(a) != 1 || a[0].Event != Update || a[0].Seq != 3 {
		k.t.Fatalf("%v: answered with %+v", key, a)
	}
	return a[0]
}

// has reports how the kernel's flow differs from what the model makes of the create.
func (k *kernel) has(s sample, got Message) {
	k.t.Helper()
	want, err := born(AppendCreate(nil, 1, &s.flow, &s.extra, 600))
	if err != nil {
		k.t.Fatal(err)
	}
	if got.Flow.Timeout > 600 || got.Flow.Timeout < 500 {
		k.t.Errorf("%s: %d s are left of 600", s.name, got.Flow.Timeout)
	}
	got.Flow.Timeout = want.Flow.Timeout
	got.Flow.Status &^= Helped
	if diff := cmp.Diff(want.Flow, got.Flow); diff != "" {
		k.t.Errorf("%s: flow (-model +kernel):\n%s", s.name, diff)
	}
	if diff := cmp.Diff(want.Extra, got.Extra); diff != "" {
		k.t.Errorf("%s: what few have (-model +kernel):\n%s", s.name, diff)
	}
	if !s.flow.Same(&got.Flow) {
		k.t.Errorf("%s: the kernel's %+v is not the same as %+v", s.name, got.Flow, s.flow)
	}
}

// labelled loads a ruleset that speaks of labels: without one the kernel has no room for them.
func (k *kernel) labelled() {
	k.t.Helper()
	k.nft("add table inet t", "add chain inet t c", "add rule inet t c ct label set 1")
}

func (k *kernel) nft(lines ...string) {
	k.t.Helper()
	for _, line := range lines {
		if out, err := k.host.Run(k.t.Context(), "nft", line); err != nil {
			k.t.Fatalf("nft %s: %v\n%s", line, err, out)
		}
	}
}

func TestKernelHasWhatIsCreated(t *testing.T) {
	k := openKernel(t)
	k.labelled()
	var batch []byte
	all := samples()
	for i, s := range all {
		batch = AppendCreate(batch, uint32(i), &s.flow, &s.extra, 600)
	}
	for _, a := range k.do(batch) {
		t.Errorf("%s: %v", all[a.Seq].name, unix.Errno(a.Errno))
	}
	found := k.all(KindFlow)
	for _, s := range all {
		got, ok := found[s.flow.Key]
		if bare := withoutPorts(s.flow.Key); !ok && s.flow.Proto == DCCPNum && found[bare].Event == Update {
			t.Log("this kernel does not track DCCP: it has a flow without ports")
			delete(found, bare)
			continue
		}
		if !ok {
			t.Errorf("%s: not in the table", s.name)
			continue
		}
		delete(found, s.flow.Key)
		k.has(s, got)
		k.has(s, k.ask(s.flow.Key))
	}
	for key := range found {
		t.Errorf("nobody created %v", key)
	}
}

// withoutPorts is the key that a kernel gives to a flow of a protocol that it does not know.
func withoutPorts(k Key) Key {
	k.Orig.SrcPort, k.Orig.DstPort = 0, 0
	return k
}
