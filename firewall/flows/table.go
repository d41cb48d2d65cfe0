package flows

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotOne says that a flow cannot be ended or marked because its original tuple does not name one flow.
var ErrNotOne = errors.New("the tuple does not name one flow")

// Table is where flows live. Its methods may be called from several goroutines.
type Table interface {
	// List returns the flows that the filter picks, in no order. Flows that come or go meanwhile may or may not be among them.
	// It walks the table once, and keeps no more than what is picked; Any asks several questions at once.
	List(context.Context, Filter) ([]Flow, error)

	// Walk calls fn for each flow that the filter picks, in no order, and keeps none. Until it returns the table does nothing
	// else, so fn must not call it. After an error fn has seen a part of the flows.
	Walk(ctx context.Context, filter Filter, fn func(Flow)) error

	// End removes the flows, each by original tuple, protocol, ct zone and ID, and returns how many it removed. A flow that has
	// gone, or whose tuple belongs to a newer flow, is passed over. Nothing is removed if a flow lacks its tuple (ErrNotOne).
	// One that the kernel refuses to remove does not keep the others from being ended; the error tells of the first.
	End(context.Context, []Flow) (ended int, err error)

	// Remark changes bits of the flows' marks, each found by original tuple, protocol and ct zone, and returns how many it found.
	// A flow that has gone is passed over; a newer one with its tuple is marked in its place, for the kernel does not compare
	// the ID here. Nothing is changed if a flow lacks its tuple (ErrNotOne); of refusals it is as with End.
	Remark(context.Context, []Marked) (changed int, err error)

	// Count returns how full the table is.
	Count(context.Context) (Count, error)
}

// Marked is a flow and the bits that its mark is to get; the others stay as they are then.
type Marked struct {
	Flow Flow
	Bits Bits
}

// Count says how full a table is.
type Count struct {
	Flows uint32 `json:"flows"` // now
	Max   uint32 `json:"max"`   // what fits; new flows beyond it are dropped
}

// nameable refuses flows of which the kernel must not be asked: without a tuple it would end all.
func nameable(f Flow) error {
	if !f.Orig.whole() {
		return fmt.Errorf("%v: %w", f, ErrNotOne)
	}
	return nil
}
