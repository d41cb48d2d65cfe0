package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns the end of the person and the end of the program.
func pseudoTerminal(t *testing.T, columns uint16) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs pseudo terminals: ", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: columns}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestScreenOfTerminal(t *testing.T) {
	_, tty := pseudoTerminal(t, 132)
	t.Setenv("NO_COLOR", "")
	if s := newScreen(tty, tty, tty); !s.asks || !s.watched || !s.colour || s.width != 132 {
		t.Errorf("terminal: %+v", s)
	}
	t.Setenv("NO_COLOR", "1")
	if s := newScreen(tty, tty, tty); s.colour {
		t.Error("colours in spite of NO_COLOR")
	}
	if s := newScreen(strings.NewReader(""), tty, io.Discard); s.asks || s.watched || s.width != 132 {
		t.Errorf("only stdout is a terminal: %+v", s)
	}
}

// TestApplyOnTerminal is what a person meets who only says apply.
func TestApplyOnTerminal(t *testing.T) {
	person, tty := pseudoTerminal(t, 80)
	s := newStage(t)
	s.write(t, "etc/rempart.toml", stagePolicy+"mtu = 1400\n")
	s.serve(t)
	if _, err := person.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := run(t.Context(), []string{"--config", s.dir + "/etc", "--socket", s.socket(), "apply"}, tty, &out, io.Discard)
	if code != exitDone || s.gateway.pending == nil || s.gateway.deadline != now().Add(defaultConfirm) {
		t.Errorf("exit %d, pending %v until %v, want to be asked to confirm within %v", code, s.gateway.pending, s.gateway.deadline, defaultConfirm)
	}
}

func TestAgreesEndsWithContext(t *testing.T) {
	silent, typing := io.Pipe()
	defer typing.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	s := screen{in: silent, err: &out}
	if s.agrees(ctx, "Go on?") {
		t.Error("nobody agreed")
	}
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := screen{err: &out, watched: true}
		done := s.busy("waiting")
		time.Sleep(slow / 2)
		done()
		if out.Len() > 0 {
			t.Errorf("a short wait shows %q", out.String())
		}
		done = s.busy("waiting")
		time.Sleep(2*slow + slow/2)
		done()
		if got, want := out.String(), "\rwaiting, 1s\rwaiting, 2s\r\x1b[K"; got != want {
			t.Errorf("a long wait shows %q, want %q", got, want)
		}
		out.Reset()
		s.watched = false
		done = s.busy("waiting")
		time.Sleep(3 * slow)
		done()
		if out.Len() > 0 {
			t.Errorf("a log file gets %q", out.String())
		}
	})
}
