package conntrack

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// half is what a create says of one half of the translation.
type half struct {
	min, max         [16]byte
	minPort, maxPort uint16
	there            bool
}

// born is what ctnetlink_create_conntrack makes of a create: a model of the kernel that knows how it translates.
func born(create []byte) (m Message, err error) {
	if err := m.Parse(create); err != nil {
		return Message{}, err
	}
	f := &m.Flow
	switch {
	case m.Event != New:
		return Message{}, fmt.Errorf("flags of %v", m.Event)
	case f.Status&Confirmed == 0 || f.Status&(Expected|Dying) != 0:
		return Message{}, fmt.Errorf("EBUSY: status %#x", f.Status)
	case m.Has&HasTimeout == 0:
		return Message{}, fmt.Errorf("EINVAL: no timeout")
	case f.Reply != f.Orig.Inverse(f.Proto):
		return Message{}, fmt.Errorf("the reply is no inverse: it would not be translated")
	}
	src, dst := halves(create)
	if src.there || dst.there {
		reached := f.Orig
		reached.settle(dst, f.Proto, false)
		if reached != f.Orig {
			f.Status |= DstNAT
		}
		before := reached
		reached.settle(src, f.Proto, true)
		if reached != before {
			f.Status |= SrcNAT
		}
		f.Reply = reached.Inverse(f.Proto)
		f.Status |= SrcNATDone | DstNATDone
	}
	if m.Has&HasMaster != 0 {
		f.Status |= Expected
	}
	if m.Has&HasAdjust != 0 {
		f.Status |= SeqAdjust
	}
	return m, nil
}

// settle translates one half of a tuple. Only a range of one address and one port is certain.
func (t *Tuple) settle(h half, proto uint8, source bool) {
	if !h.there || h.min != h.max || h.minPort != h.maxPort {
		return
	}
	addr, port := &t.Dst, &t.DstPort
	if source {
		addr = &t.Src
	}
	if source || proto == ICMP || proto == ICMPv6 {
		port = &t.SrcPort
	}
	*addr = h.min
	if proto != 50 {
		*port = h.minPort
	}
}

// halves reads CTA_NAT_SRC and CTA_NAT_DST.
func halves(create []byte) (src, dst half) {
	a := attributes(create[headerLen+familyLen:])
	for a.next() {
		switch a.kind {
		case ctaNATSrc:
			src = halfOf(&a)
		case ctaNATDst:
			dst = halfOf(&a)
		}
	}
	return src, dst
}

func halfOf(a *attrs) half {
	h := half{there: true}
	in := a.inside()
	for in.next() {
		switch in.kind {
		case ctaNATv4Min, ctaNATv6Min:
			copy(h.min[:], in.value())
		case ctaNATv4Max, ctaNATv6Max:
			copy(h.max[:], in.value())
		case ctaNATProto:
			ports := in.inside()
			for ports.next() {
				switch ports.kind {
				case ctaNATPortMin:
					h.minPort = binary.BigEndian.Uint16(ports.value())
				case ctaNATPortMax:
					h.maxPort = binary.BigEndian.Uint16(ports.value())
				}
			}
		}
	}
	return h
}

// carried is what another kernel can have of a flow: what the model must make of the create.
func carried(f Flow) Flow {
	f.State = f.state()
	f.Status &= Confirmed | Expected | SeenReply | Assured | SrcNAT | DstNAT | SeqAdjust
	if f.Reply != f.Orig.Inverse(f.Proto) {
		f.Status |= SrcNATDone | DstNATDone
	}
	if f.Proto == TCP {
		for i := range f.Flags {
			f.Flags[i] = f.Flags[i]&(WindowScale|SACK) | Liberal
		}
	}
	return f
}

func TestCreateMakesTheFlow(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			m, err := born(AppendCreate(nil, 7, &s.flow, &s.extra, 600))
			if err != nil {
				t.Fatal(err)
			}
			want := carried(s.flow)
			want.Timeout = 600
			if diff := cmp.Diff(want, m.Flow); diff != "" {
				t.Errorf("the flow (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(s.extra, m.Extra); diff != "" {
				t.Errorf("what few have (-want +got):\n%s", diff)
			}
			if m.Seq != 7 || !s.flow.Same(&m.Flow) {
				t.Errorf("created as %+v (seq %d), not the same as %+v", m.Flow, m.Seq, s.flow)
			}
		})
	}
}

// TestCreateWithoutExtra is about flows that have nothing that few have: nil is as good as the zero value.
func TestCreateWithoutExtra(t *testing.T) {
	for _, s := range samples() {
		with, without := AppendCreate(nil, 7, &s.flow, &Extra{}, 600), AppendCreate(nil, 7, &s.flow, nil, 600)
		if diff := cmp.Diff(with, without); diff != "" {
			t.Errorf("%s (-with +without):\n%s", s.name, diff)
		}
		with, without = AppendUpdate(nil, 7, &s.flow, &Extra{}, 600), AppendUpdate(nil, 7, &s.flow, nil, 600)
		if diff := cmp.Diff(with, without); diff != "" {
			t.Errorf("update of %s (-with +without):\n%s", s.name, diff)
		}
	}
}

func TestCreateMakesTheExpectation(t *testing.T) {
	s := expected()
	m := parsed(t, AppendCreate(nil, 9, &s.flow, &s.extra, 300))
	flow, extra := s.flow, s.extra
	flow.Timeout, extra.Expects.Timeout = 300, 300
	if diff := cmp.Diff(flow, m.Flow); diff != "" || m.Event != New || m.Seq != 9 {
		t.Errorf("%v %d (-want +got):\n%s", m.Event, m.Seq, diff)
	}
	if diff := cmp.Diff(extra, m.Extra); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
