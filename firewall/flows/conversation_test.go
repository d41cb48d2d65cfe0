package flows

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// answer is NLMSG_ERROR or NLMSG_DONE with a number, 0 for success.
func answer(kind uint16, seq uint32, errno syscall.Errno) message {
	return message{kind: kind, seq: seq, data: binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))}
}

// told gives messages to a walker until it is done and returns what it saw.
func told(t *testing.T, stopped func() error, messages ...message) (flows []Flow, err error) {
	t.Helper()
	w := walker{seq: 5, stopped: stopped, fn: func(f Flow) { flows = append(flows, f) }}
	for i, m := range messages {
		done, err := w.take(m)
		if done != (i == len(messages)-1) {
			t.Fatalf("done after message %d of %d", i+1, len(messages))
		}
		if done {
			return flows, err
		}
	}
	return nil, nil
}

func TestWalkerReadsToTheEnd(t *testing.T) {
	live := func() error { return nil }
	one := message{seq: 5, data: entry(nil, header{}, office())[headerLen:]}
	other := message{seq: 5, data: entry(nil, header{}, forwarded())[headerLen:]}
	old, broken, torn := one, one, one
	old.seq, broken.data, torn.flags = 4, []byte{2}, flagInterrupted
	end := answer(msgDone, 5, 0)
	for _, tc := range []struct {
		what     string
		stopped  func() error
		messages []message
		flows    int
		err      error
	}{
		{"two flows", live, []message{one, other, end}, 2, nil},
		{"a flow twice, as a bucket that is begun again shows it", live, []message{one, other, one, other, end}, 2, nil},
		{"what an earlier request left", live, []message{old, answer(msgDone, 4, 0), one, end}, 1, nil},
		{"a table that changed", live, []message{one, torn, other, end}, 1, errInterrupted},
		{"a broken flow", live, []message{one, broken, other, end}, 1, errMalformed},
		{"an answer without a number", live, []message{one, {kind: msgDone, seq: 5}}, 1, errMalformed},
		{"a dump that breaks off", live, []message{one, answer(msgDone, 5, syscall.ENOMEM)}, 1, syscall.ENOMEM},
		{"a refusal", live, []message{answer(msgError, 5, syscall.EPERM)}, 0, syscall.EPERM},
		{"an asker who left", func() error { return context.Canceled }, []message{one, other, end}, 0, context.Canceled},
	} {
		flows, err := told(t, tc.stopped, tc.messages...)
		if len(flows) != tc.flows || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d flows, %v, want %d, %v", tc.what, len(flows), err, tc.flows, tc.err)
		}
	}
}

func TestRecentForgets(t *testing.T) {
	var r recent
	f := office()
	for i := range bucketLen + 1 {
		f.ID = uint32(i)
		if !r.add(f) || r.add(f) {
			t.Fatalf("flow %d", i)
		}
	}
	f.ID = 1 // the oldest that is remembered
	if r.add(f) {
		t.Error("a flow of the same bucket was forgotten")
	}
	if f.Zone = 1; !r.add(f) {
		t.Error("a flow of another zone with the same ID was taken for it")
	}
	if f.ID, f.Zone = 0, 0; !r.add(f) {
		t.Error("a flow of long ago was remembered")
	}
}

func TestBatchCounts(t *testing.T) {
	for _, tc := range []struct {
		what    string
		answers []message
		done    int
		gone    int
		refused int
		worst   int
		cause   error
	}{
		{"all done", []message{answer(msgError, 12, 0)}, 3, 0, 0, 0, nil},
		{"one gone", []message{answer(msgError, 11, syscall.ENOENT), answer(msgError, 12, 0)}, 2, 1, 0, 0, nil},
		{"the last one gone", []message{answer(msgError, 12, syscall.ENOENT)}, 2, 1, 0, 0, nil},
		{"two refused", []message{answer(msgError, 11, syscall.EBUSY), answer(msgError, 12, syscall.EPERM)}, 1, 0, 2, 1, syscall.EBUSY},
		{"answers to others", []message{answer(msgError, 9, syscall.EBUSY), answer(msgError, 13, syscall.EBUSY), answer(msgDone, 11, 0),
			answer(msgError, 12, 0)}, 3, 0, 0, 0, nil},
	} {
		b := batch{first: 10, len: 3}
		for i, m := range tc.answers {
			done, err := b.take(m)
			if err != nil || done != (i == len(tc.answers)-1) {
				t.Errorf("%s: done after answer %d: %v, %v", tc.what, i+1, done, err)
			}
		}
		if b.done() != tc.done || b.gone != tc.gone || b.refused != tc.refused || b.worst != tc.worst || b.cause != tc.cause {
			t.Errorf("%s: %d done, %+v", tc.what, b.done(), b)
		}
	}
	b := batch{first: ^uint32(0), len: 2} // the sequence numbers go round
	if done, _ := b.take(answer(msgError, b.header(1).seq, 0)); !done || b.header(0).flags != 0 || b.header(1).flags != flagAck {
		t.Errorf("round the end: %v, %+v", done, b)
	}
}

func TestRefusalsTellOfTheFirst(t *testing.T) {
	var r refusals
	if err := r.err(); err != nil {
		t.Errorf("none: %v", err)
	}
	r.add(batch{refused: 1, cause: syscall.EBUSY}, office())
	one := r.err()
	r.add(batch{refused: 2, cause: syscall.EPERM}, query())
	all := r.err()
	if !errors.Is(one, syscall.EBUSY) || !errors.Is(all, syscall.EBUSY) || !strings.HasSuffix(all.Error(), " and 2 others: device or resource busy") {
		t.Errorf("%v; %v", one, all)
	}
}

func TestCountingTakesTheFirstAnswer(t *testing.T) {
	data := appendUint32(appendUint32(make([]byte, genmsgLen), attrStatsEntries, 7), attrStatsMax, 9)
	c := counting{seq: 5}
	if done, err := c.take(message{seq: 4, kind: msgDone}); done || err != nil {
		t.Errorf("an answer to an earlier request: %v, %v", done, err)
	}
	if done, err := c.take(message{seq: 5, kind: msgGetStats, data: data}); !done || err != nil || c.count != (Count{7, 9}) {
		t.Errorf("counted %+v, %v, %v", c.count, done, err)
	}
	if done, err := c.take(answer(msgError, 5, syscall.EPERM)); !done || !errors.Is(err, syscall.EPERM) {
		t.Errorf("refused: %v, %v", done, err)
	}
	for n := range slices.Backward(data) {
		if done, _ := c.take(message{seq: 5, data: data[:n]}); !done {
			t.Errorf("%d bytes: waits for more", n)
		}
	}
}
