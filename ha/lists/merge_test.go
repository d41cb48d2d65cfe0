package lists

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMerge(t *testing.T) {
	keys := func(list ...byte) (out [][]byte) {
		for _, k := range list {
			out = append(out, []byte{k})
		}
		return out
	}
	elements := func(list ...Element) []Element { return list }
	for name, tt := range map[string]struct {
		have []Element
		do   Change
		gone [][]byte
		put  []Element
	}{
		"nothing":                             {have: elements(el(1, 0))},
		"what is new":                         {elements(el(1, 0)), Change{Put: elements(el(2, time.Hour))}, nil, elements(el(2, time.Hour))},
		"what is there as it is":              {elements(el(1, time.Hour)), Change{Put: elements(el(1, time.Hour+sameEnd))}, nil, nil},
		"a later end":                         {elements(el(1, time.Minute)), Change{Put: elements(el(1, time.Hour))}, nil, elements(el(1, time.Hour))},
		"no end":                              {elements(el(1, time.Minute)), Change{Put: elements(el(1, 0))}, nil, elements(el(1, 0))},
		"an earlier end":                      {elements(el(1, time.Hour)), Change{Put: elements(el(1, time.Minute))}, nil, nil},
		"an end for what has none":            {elements(el(1, 0)), Change{Put: elements(el(1, time.Minute))}, nil, nil},
		"what is taken out":                   {elements(el(1, 0), el(2, 0)), Change{Gone: keys(2, 3)}, keys(2), nil},
		"what is taken out and put in":        {elements(el(1, 0)), Change{Gone: keys(1), Put: elements(el(1, time.Hour))}, keys(1), elements(el(1, time.Hour))},
		"all there is":                        {elements(el(3, 0), el(1, 0)), Change{Put: elements(el(2, 0)), Whole: &Span{}}, keys(3, 1), elements(el(2, 0))},
		"nothing any more":                    {elements(el(1, 0)), Change{Whole: &Span{}}, keys(1), nil},
		"all there is in a span":              {elements(el(1, 0), el(2, 0), el(3, 0), el(4, 0)), Change{Put: elements(el(3, 0)), Whole: &Span{After: []byte{1}, UpTo: []byte{3}}}, keys(2), nil},
		"an earlier end in a whole list":      {elements(el(1, time.Hour)), Change{Put: elements(el(1, time.Minute)), Whole: &Span{}}, nil, elements(el(1, time.Minute))},
		"an end in a whole list":              {elements(el(1, 0)), Change{Put: elements(el(1, time.Minute)), Whole: &Span{}}, nil, elements(el(1, time.Minute))},
		"about the same end in a whole list":  {elements(el(1, time.Hour)), Change{Put: elements(el(1, time.Hour-sameEnd)), Whole: &Span{}}, nil, nil},
		"taken out of a whole list only once": {elements(el(1, 0)), Change{Gone: keys(1), Whole: &Span{}}, keys(1), nil},
	} {
		gone, put := Merge(tt.have, tt.do)
		if diff := cmp.Diff(tt.gone, gone, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: gone (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(tt.put, put, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: put (-want +got):\n%s", name, diff)
		}
	}
}
