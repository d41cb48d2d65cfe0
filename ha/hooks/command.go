package hooks

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	keptOutput = 4 << 10 // bytes of a command's output, of its end
	keptLine   = 200     // bytes of the last line of it
)

// command is a program and how it is run.
type command struct {
	argv []string
	env  []string
	// limit is for how long it may run. Then it is asked to end, and killed after grace; both
	// go to its whole process group.
	limit, grace time.Duration
}

// outcome is how a command ran.
type outcome struct {
	took   time.Duration
	output string // the end of what it wrote, printable
	why    string // how it ended, in a clause
	ok     bool
}

// err is empty for a success.
func (o outcome) err() string {
	if o.ok {
		return ""
	}
	return o.whyWithLine()
}

// whyWithLine says how it ended and what it said last.
func (o outcome) whyWithLine() string {
	if line := lastLine(o.output); line != "" {
		return o.why + ": " + line
	}
	return o.why
}

// tooLong is why a command failed that was not done in time.
func tooLong(limit time.Duration) string { return fmt.Sprintf("took longer than %v", limit) }

// tail keeps the last keptOutput bytes that were written to it.
type tail struct{ b []byte }

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b[max(0, len(b)-keptOutput):]...)
	if len(t.b) > 2*keptOutput {
		t.b = append(t.b[:0], t.b[len(t.b)-keptOutput:]...)
	}
	return len(b), nil
}

func (t *tail) String() string { return printable(t.b[max(0, len(t.b)-keptOutput):]) }

// printable is what a command wrote, in a form that cannot harm a log or a terminal.
func printable(b []byte) string {
	for len(b) > 0 && !utf8.RuneStart(b[0]) {
		b = b[1:] // of a character whose beginning was cut off
	}
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(string(b), string(utf8.RuneError)))
	return strings.TrimSpace(text)
}

// lastLine is the last line of printable text, without what is too long of it.
func lastLine(text string) string {
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if len(line) > keptLine {
		line = strings.ToValidUTF8(line[:keptLine], "") + "..."
	}
	return line
}
