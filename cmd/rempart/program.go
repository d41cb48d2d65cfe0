package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"

	"github.com/rempart/rempart/firewall"
	"github.com/rempart/rempart/firewall/nft"
	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

// program is what the subcommands share.
type program struct {
	options
	screen
	json bool // print data as JSON
	// features asks the running kernel what it can do.
	features func(context.Context) (nft.Features, error)
}

// options are where the files and the daemon are.
type options struct {
	config string // directory of rempart.toml and node.toml
	state  string // directory of revisions and what was learned
	socket string
}

func newProgram(in io.Reader, out, err io.Writer) *program {
	return &program{screen: newScreen(in, out, err), features: nft.Open(firewall.TableName).Features}
}

// run executes a command line and says how the program is to end.
func (p *program) run(ctx context.Context, args []string) int {
	root := rootCommand(p)
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	return p.end(root.ExecuteContext(ctx))
}

// daemon is the daemon that the socket leads to.
func (p *program) daemon() *web.Client { return web.Dial(p.socket) }

// printJSON prints v for programs.
func (p *program) printJSON(v any) error {
	w := bufio.NewWriter(p.out)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return w.Flush()
}

// ask asks the daemon one question and shows what it says, as JSON or for people.
func ask[T any](p *program, cmd *cobra.Command, question func(context.Context) (T, error), show func(T) error) error {
	done := p.busy("waiting for the daemon")
	v, err := question(cmd.Context())
	done()
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(v)
	}
	return show(v)
}

// dataFlags adds what commands that print data have.
func (p *program) dataFlags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON")
	return cmd
}
