// Command rempart is a stateful gateway: the daemon that owns the kernel's
// table, and the commands that ask it. One file holds one subcommand.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set when the program is built (-ldflags "-X main.version=...").
var version = "unknown"

// What the program ends with.
const (
	exitDone    = 0
	exitWrong   = 1 // the policy or the request
	exitUsage   = 2 // the command line
	exitRefused = 3 // by the daemon or the kernel
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends what does not heed the first
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program, for main and for tests.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newProgram(stdin, stdout, stderr).run(ctx, args)
}
