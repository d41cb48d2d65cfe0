package feeds

import "strings"

// faults is several errors in one line; an empty one is a mistake of the caller.
type faults []error

// Error joins the texts by semicolons: they stand in tables and logs.
func (f faults) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}
