package flows

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotOne says that a flow cannot be ended because its original tuple does not name one flow.
var ErrNotOne = errors.New("the tuple does not name one flow")

// ErrZone says that a flow was left alone because it is in a ct zone, where go-conntrack cannot end flows.
var ErrZone = errors.New("flows in a ct zone cannot be ended")

// Table is where flows live. Its methods may be called from several goroutines.
type Table interface {
	// List returns the flows that the filter picks, in no order. Flows that come or go meanwhile may or may not be among them.
	List(context.Context, Filter) ([]Flow, error)

	// End removes the flows, each by original tuple, protocol and ID, and returns how many it removed. A flow that has gone, or
	// whose tuple belongs to a newer flow, is passed over. Nothing is removed if a flow lacks its tuple (ErrNotOne). Flows in
	// a ct zone stay, and are told of after the others have been ended (ErrZone).
	End(context.Context, []Flow) (ended int, err error)

	// Count returns how full the table is.
	Count(context.Context) (Count, error)
}

// Count says how full a table is.
type Count struct {
	Flows uint32 `json:"flows"` // now
	Max   uint32 `json:"max"`   // what fits; new flows beyond it are dropped
}

// endable refuses flows that the kernel must not be asked to end: without a tuple it would end all.
func endable(flows []Flow) error {
	for _, f := range flows {
		if !f.Orig.whole() {
			return fmt.Errorf("%v: %w", f, ErrNotOne)
		}
	}
	return nil
}
