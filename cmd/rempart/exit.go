package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/explain"
	"github.com/rempart/rempart/firewall/report"
	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

// usageError is a command line that says nothing we could do.
type usageError struct {
	command string
	message string
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%s\n`%s --help` tells more", e.message, e.command)
}

// usage is a wrong command line of cmd.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd.CommandPath(), fmt.Sprintf(format, args...)}
}

// wrongError is a policy or a request that is wrong, as seen without the daemon.
type wrongError struct{ err error }

func (e *wrongError) Error() string { return e.err.Error() }
func (e *wrongError) Unwrap() error { return e.err }

func wrong(format string, args ...any) error { return &wrongError{fmt.Errorf(format, args...)} }

// faultsError is a policy with faults.
type faultsError []report.Fault

func (e faultsError) Error() string { return fmt.Sprintf("%d faults", len(e)) }

// reportFaults turns what config.Parse says into the shape that the daemon sends.
func reportFaults(errs config.Errors) []report.Fault {
	faults := make([]report.Fault, len(errs))
	for i, e := range errs {
		faults[i] = report.Fault{File: e.File, Line: e.Line, Col: e.Col, Key: e.Key, Message: e.Msg}
	}
	return faults
}

// end says on stderr what went wrong and returns how the program ends.
func (p *program) end(err error) int {
	var (
		usage   *usageError
		faults  faultsError
		failure *web.Failure
		mine    *wrongError
		lockout *report.Lockout
		refused *report.PeerRefused
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintln(p.err, "rempart:", err)
		return exitUsage
	case errors.As(err, &failure) && failure.Peer != "" && len(failure.Faults) > 0:
		p.printPeerFaults(failure.Peer, failure.Faults)
		return exitWrong
	case errors.As(err, &refused) && len(refused.Faults) > 0:
		p.printPeerFaults(refused.Node, refused.Placed())
		return exitWrong
	case errors.As(err, &failure) && len(failure.Faults) > 0:
		faults = failure.Faults
		fallthrough
	case errors.As(err, &faults):
		p.printFaults(faults)
		return exitWrong
	case errors.As(err, &failure) && failure.Lockout != nil:
		lockout = failure.Lockout
		fallthrough
	case errors.As(err, &lockout):
		fmt.Fprintf(p.err, "rempart: %v\n\n", err)
		p.printSteps(lockout.Explanation)
		return exitWrong
	case errors.As(err, &mine), errors.Is(err, report.ErrRequest), errors.Is(err, report.ErrConflict):
		fmt.Fprintln(p.err, "rempart:", err)
		return exitWrong
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(p.err, "rempart: interrupted; what the daemon has begun it brings to its end")
		return exitRefused
	}
	fmt.Fprintln(p.err, "rempart:", err)
	return exitRefused
}

// shownSteps is how many failed tests are printed with what becomes of their
// packets. A mistake often fails many, and for one reason.
const shownSteps = 10

// printFaults prints one fault a line, as compilers do and editors read. Below
// the first tests that failed stands what becomes of their packets.
func (p *program) printFaults(faults []report.Fault) {
	shown := 0
	for i, f := range faults {
		if i > 0 && faults[i-1].Explanation != nil && shown <= shownSteps {
			fmt.Fprintln(p.err)
		}
		at := config.Error{Position: config.Position{File: f.File, Line: f.Line, Col: f.Col}, Key: f.Key, Msg: f.Message}
		fmt.Fprintln(p.err, at.Error())
		if f.Explanation == nil {
			continue
		}
		if shown++; shown <= shownSteps {
			fmt.Fprintln(p.err)
			p.printSteps(*f.Explanation)
		}
	}
	if shown > shownSteps {
		fmt.Fprintf(p.err, "What becomes of the packets is shown for %d of %d failed tests; `rempart explain` tells it of each.\n", shownSteps, shown)
	}
}

// printPeerFaults prints what is wrong with a policy on the other node, whose files stand behind its name.
func (p *program) printPeerFaults(node string, faults []report.Fault) {
	fmt.Fprintf(p.err, "%s refuses this policy:\n", node)
	p.printFaults(faults)
}

// printSteps prints on stderr what becomes of a packet, apart from what stands around it.
func (p *program) printSteps(e report.Explanation) {
	const indent = "    "
	for _, line := range explain.Text(e, max(0, p.width-len(indent))) {
		fmt.Fprintln(p.err, strings.TrimRight(indent+line, " "))
	}
}
