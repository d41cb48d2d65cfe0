package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// String prints p as file:line:column, the form that editors jump to.
func (p Position) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// Error is one fault of a policy: where it stands, which key holds it, and what
// would be right. Key is a path such as rule[1].from, counted from 0; it is
// empty when the text is no TOML.
type Error struct {
	Position
	Key string
	Msg string
}

// Error prints e as file:line:column: key: message.
func (e *Error) Error() string {
	if e.Key == "" {
		return e.Position.String() + ": " + e.Msg
	}
	return e.Position.String() + ": " + e.Key + ": " + e.Msg
}

// Errors is every fault of a policy and its node file, sorted by file, line
// and column.
type Errors []*Error

// Error prints one fault a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each fault to errors.As.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// sortErrors brings es into the order of the files and drops what was said twice.
func sortErrors(es Errors) Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return slices.CompactFunc(es, func(a, b *Error) bool { return *a == *b })
}
