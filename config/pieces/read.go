package pieces

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// largestText keeps a mistaken file out of memory; config takes none that is larger.
const largestText = 256 << 20

// byteOrderMark is what editors of other systems begin a file with.
const byteOrderMark = "\ufeff"

// ident is which table a piece is, before its name is made unique.
type ident struct{ table, key string }

// reader cuts a text where the tables begin.
type reader struct {
	text   string // without the byte order mark
	doc    document
	grown  shape
	lists  map[string]bool // the first keys of [[tables]]
	names  names
	from   int   // where the piece that is being read begins
	end    int   // where the last expression's line ends
	begun  bool  // there is such a piece
	now    ident // which it is
	direct bool  // the keys that come are those of the list's element itself
	values map[string]string
}

// read takes a text apart. The error says in which line it is no TOML.
func read(text []byte) (document, error) {
	if len(text) > largestText {
		return document{}, errors.New("read policy: the text is too large")
	}
	whole := string(text)
	r := &reader{
		text:  strings.TrimPrefix(whole, byteOrderMark),
		grown: newShape(),
		lists: make(map[string]bool), names: newNames(), values: make(map[string]string),
	}
	mark := whole[:len(whole)-len(r.text)]
	r.begun = mark != ""
	var p unstable.Parser
	data := []byte(r.text)
	p.Reset(data)
	for p.NextExpression() {
		if err := r.expression(p.Expression()); err != nil {
			return document{}, err
		}
	}
	if err := p.Error(); err != nil {
		at := 0
		if fault := (*unstable.ParserError)(nil); errors.As(err, &fault) {
			at = cap(data) - cap(fault.Highlight)
		}
		return document{}, r.fault(at, "%w", err)
	}
	r.close()
	r.doc.tail = r.text[r.end:]
	if mark != "" {
		r.doc.pieces[0].Text = mark + r.doc.pieces[0].Text
	}
	return r.doc, nil
}

// fault is an error with the line of the byte at.
func (r *reader) fault(at int, format string, args ...any) error {
	line := 1 + strings.Count(r.text[:min(max(at, 0), len(r.text))], "\n")
	return fmt.Errorf("read policy: line %d: "+format, append([]any{line}, args...)...)
}

func (r *reader) expression(e *unstable.Node) error {
	if e.Kind == unstable.KeyValue {
		at := int(e.Raw.Offset)
		if err := r.grown.keyValue(r.grown.table, e); err != nil {
			return r.fault(at, "%w", err)
		}
		r.begun = true
		r.note(e)
		r.endLine(at + int(e.Raw.Length))
		return nil
	}
	path, at, end := keysOf(e)
	if err := r.grown.header(path, e.Kind == unstable.ArrayTable); err != nil {
		return r.fault(at, "%w", err)
	}
	if err := r.header(path, e.Kind == unstable.ArrayTable); err != nil {
		return r.fault(at, "%w", err)
	}
	r.endLine(end)
	return nil
}

// keysOf is a header's keys, where they begin, and where they end.
func keysOf(e *unstable.Node) (path []string, at, end int) {
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		if path == nil {
			at = int(k.Raw.Offset)
		}
		path, end = append(path, string(k.Data)), int(k.Raw.Offset+k.Raw.Length)
	}
	return path, at, end
}

// header begins a piece, or goes on with the one that the table is part of.
func (r *reader) header(path []string, list bool) error {
	first := path[0]
	r.direct = len(path) == 1 && list
	next := ident{first, first}
	switch {
	case r.direct:
		r.lists[first] = true
		r.begin(ident{first, ""})
		return nil
	case r.lists[first]:
		// Pieces change places, and a table follows the element that stands before it.
		if r.now.table != first {
			return fmt.Errorf("[%s] stands apart from the [[%s]] that it belongs to", strings.Join(path, "."), first)
		}
		return nil
	case len(path) > 1 && !once(first):
		next.key = first + " " + word(path[1])
	default:
		next.key = "[" + word(first) + "]"
	}
	if !r.begun || r.now != next {
		r.begin(next)
	}
	return nil
}

// begin ends the piece that is being read and begins another.
func (r *reader) begin(next ident) {
	r.close()
	r.begun, r.now, r.from = true, next, r.end
}

// close ends the piece that is being read, if there is one.
func (r *reader) close() {
	if !r.begun {
		return
	}
	text := r.text[r.from:r.end]
	if r.end == len(r.text) && r.end > 0 && !strings.HasSuffix(text, "\n") {
		r.doc.open = true
		text += "\n"
	}
	name := r.name()
	r.doc.pieces = append(r.doc.pieces, Piece{Object: r.names.unique(name), Table: r.now.table, Text: text, name: name})
	clear(r.values)
}

// note remembers a value that tells an element of a list from the others.
func (r *reader) note(e *unstable.Node) {
	keys := e.Key()
	if v := e.Value(); r.direct && v.Kind == unstable.String && keys.Next() && keys.IsLast() {
		switch key := string(keys.Node().Data); key {
		case "name", "interface", "address", "destination":
			r.values[key] = string(v.Data)
		}
	}
}

// name is how people call the piece that is being read; others may have the same.
func (r *reader) name() string {
	name := r.now.key
	switch {
	case r.now.table == "":
		name = Top
	case name == "":
		name = word(r.now.table)
		for _, key := range identity(r.now.table) {
			if v := r.values[key]; v != "" {
				name += " " + word(v)
			}
		}
	}
	return name
}

// names keeps pieces of one name apart.
type names struct {
	taken map[string]bool
	count map[string]int // how many were given a number
}

func newNames() names { return names{make(map[string]bool), make(map[string]int)} }

// unique is name, with a number if it is taken.
func (n names) unique(name string) string {
	free := name
	for n.taken[free] {
		n.count[name]++
		free = name + " (" + strconv.Itoa(n.count[name]+1) + ")"
	}
	n.taken[free] = true
	return free
}

// word is a name as it stands in a sentence.
func word(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// endLine moves the end of what was read behind the line that at stands in.
func (r *reader) endLine(at int) {
	if n := strings.IndexByte(r.text[at:], '\n'); n >= 0 {
		r.end = at + n + 1
	} else {
		r.end = len(r.text)
	}
}
