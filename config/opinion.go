package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/pelletier/go-toml/v2/unstable"
)

// What the second parser is asked about. Its cost grows with the square of the
// keys and of the depth: 80 KB of nested braces took it two minutes and 16 GB.
const (
	maxOpinion = 256 << 10 // bytes
	maxDepth   = 32        // of lists and tables, and of the keys on one line
)

// syntaxError words a fault that one of the two parsers found.
func (s *source) syntaxError(err error) *Error {
	var second toml.ParseError
	if len(s.data) <= maxOpinion && shallow(s.data) {
		var judged map[string]any
		if errors.As(toml.Unmarshal(s.data, &judged), &second) {
			return &Error{Position: s.position(second.Position.Start), Msg: "no TOML: " + clip(strings.TrimSuffix(second.Message, "."))}
		}
	}
	if own := (*Error)(nil); errors.As(err, &own) {
		return own
	}
	if first := (*unstable.ParserError)(nil); errors.As(err, &first) {
		offset := cap(s.data) - cap(first.Highlight)
		return &Error{Position: s.position(offset), Msg: "no TOML: " + clip(first.Message)}
	}
	return &Error{Position: s.position(0), Msg: "no TOML: " + clip(fmt.Sprint(err))}
}

// shallow says that nothing in a text is nested deeper than maxDepth. It knows
// strings and comments as far as the text is TOML, and no parser goes further.
func shallow(text []byte) bool {
	depth, dots := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '.':
			dots++
		case '\n':
			dots = 0
		case '#':
			i += endOfLine(text[i:]) - 1
		case '"', '\'':
			i += endOfString(text[i:]) - 1
		}
		if depth > maxDepth || dots > maxDepth {
			return false
		}
	}
	return true
}

// endOfLine is the offset of the line's end.
func endOfLine(text []byte) int {
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		return n
	}
	return len(text)
}

// endOfString is the offset after the string that text begins with. One that
// is not closed ends with its line, or with the text when it may have several lines.
func endOfString(text []byte) int {
	quote := text[:1]
	several := bytes.HasPrefix(text, bytes.Repeat(quote, 3))
	if several {
		quote = text[:3]
	}
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote[0] == '"':
			i++
		case text[i] == '\n' && !several:
			return i
		case bytes.HasPrefix(text[i:], quote):
			end := i + len(quote)
			for n := 0; several && n < 2 && end < len(text) && text[end] == quote[0]; n++ {
				end++ // up to two quotes before the closing ones belong to the string
			}
			return end
		}
	}
	return len(text)
}

// maxWords is how much of a message, or of the path of a key, is shown: what
// a text holds by mistake is not repeated in whole.
const maxWords = 500

// clip shortens what is too long to be read.
func clip(text string) string {
	if len(text) <= maxWords {
		return text
	}
	return strings.ToValidUTF8(text[:maxWords], "") + "…"
}
