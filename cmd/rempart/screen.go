package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen is where the program reads and prints, and what it knows of the
// person in front of it.
type screen struct {
	in       io.Reader
	out, err io.Writer
	asks     bool // somebody at a terminal can answer
	watched  bool // stderr is a terminal, so that a passing line can be shown
	colour   bool // stdout takes colours
	width    int  // columns of stdout; 0: it is no terminal, lines are as long as they are
	now      func() time.Time
	location *time.Location
}

func newScreen(in io.Reader, out, err io.Writer) screen {
	s := screen{in: in, out: out, err: err, now: time.Now, location: time.Local}
	_, s.asks = terminal(in)
	_, s.watched = terminal(err)
	if fd, ok := terminal(out); ok {
		s.colour = os.Getenv("NO_COLOR") == "" // https://no-color.org
		if width, _, err := term.GetSize(fd); err == nil {
			s.width = width
		}
	}
	return s
}

func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// printf prints for people; what a closed pipe no longer takes is lost.
func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// agrees asks a question that y answers. When ctx ends first, nobody agreed.
func (s *screen) agrees(ctx context.Context, format string, args ...any) bool {
	fmt.Fprintf(s.err, format+" [y/N] ", args...)
	typed := make(chan string, 1)
	// Reading from a terminal cannot be broken off; the program ends soon after ctx.
	go func() {
		line, err := bufio.NewReader(s.in).ReadString('\n')
		if err != nil {
			fmt.Fprintln(s.err)
		}
		typed <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-typed:
		return answer == "y" || answer == "yes"
	case <-ctx.Done():
		fmt.Fprintln(s.err)
		return false
	}
}

// slow is how long a wait is before it is worth a word.
const slow = time.Second

// busy shows on a terminal that something takes its time, until done is called.
func (s *screen) busy(what string) (done func()) {
	if !s.watched {
		return func() {}
	}
	stop := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		begin, tick := time.Now(), time.NewTicker(slow)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(s.err, "\r%s, %ds", what, int(time.Since(begin).Seconds()))
			case <-stop:
				if time.Since(begin) >= slow {
					fmt.Fprint(s.err, "\r\x1b[K") // ECMA-48 erase in line
				}
				return
			}
		}
	})
	return func() {
		close(stop)
		shown.Wait()
	}
}

// ink is how a text looks on a terminal.
type ink string

// The inks, as ECMA-48 select graphic rendition.
const (
	plain  ink = ""
	strong ink = "1"
	faint  ink = "2"
	bad    ink = "31"
	good   ink = "32"
	odd    ink = "33"
	mark   ink = "36"
)

// paint colours a text where colours are taken.
func (s *screen) paint(i ink, text string) string {
	if !s.colour || i == plain || text == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}

// warn prints what somebody should look at.
func (s *screen) warn(warnings []string) {
	for _, w := range warnings {
		s.hanging(cell{"warning: ", odd}, w)
	}
}

// hanging prints a text behind a head; its further lines stand below the first.
func (s *screen) hanging(head cell, text string) { s.sentence(head, cell{}, text) }

// sentence is hanging with a beginning of the text that stands out.
func (s *screen) sentence(head, beginning cell, rest string) {
	lines, indent := []string{beginning.text + rest}, columnsOf(head.text)
	if s.width > 0 {
		lines = wrap(lines[0], s.width-indent)
	}
	if rest, whole := strings.CutPrefix(lines[0], beginning.text); whole {
		lines[0] = s.paint(beginning.ink, beginning.text) + rest
	}
	s.printf("%s%s\n", s.paint(head.ink, head.text), strings.Join(lines, "\n"+strings.Repeat(" ", indent)))
}
