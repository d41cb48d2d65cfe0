package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/rempart/rempart/web"
	"github.com/spf13/cobra"
)

// defaultPatience is how long the replacing of a program may take when nothing is said.
const defaultPatience = time.Hour

func haUpgradeCommand(p *program) *cobra.Command {
	o := upgradeOrder{patience: defaultPatience}
	var command string
	var yes bool
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Replace the program on both nodes, one after the other",
		Long: `Leads through an upgrade that nobody notices. It examines the pair, puts this
node into maintenance and waits until the other one has its role and all flows.
Then it asks for the program to be replaced and the daemon to be restarted, and
waits for that. When the node is heard again, the policy is in step, the flows
are complete and no warning is new, its maintenance ends, and when the roles
are as before the same is done with the other node. Nodes whose versions are
one apart work together, so there is no hurry in between.

With --command it replaces the program of this node itself, by sh -c. The
program of the other node is replaced there, by hand.

Every wait has an end, and says then what is missing. After an interruption it
goes on where the pair stands: run it again.`,
		Example: `  rempart ha upgrade
  rempart ha upgrade --command "dpkg -i rempart.deb"
  rempart ha upgrade --this`,
		Args: words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.this && o.other:
				return usage(cmd, "--this and --other do not go together: without them it is both")
			case o.other && command != "":
				return usage(cmd, "--command is for this node, and --other is not about it")
			case o.patience < time.Second:
				return usage(cmd, "--wait %s: want at least 1s", o.patience)
			}
			o.command = command != ""
			return p.upgrade(cmd.Context(), o, command, yes)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.this, "this", false, "only this node")
	flags.BoolVar(&o.other, "other", false, "only the other node: this one is done")
	flags.BoolVar(&o.force, "force", false, "even if the pair lacks something, or has new warnings")
	flags.StringVar(&command, "command", "", "`CMD` that replaces the program here, and restarts it")
	flags.DurationVar(&o.patience, "wait", defaultPatience, "`TIME` to replace a program in")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (p *program) upgrade(ctx context.Context, o upgradeOrder, command string, yes bool) error {
	place := &upgradePlace{program: p, daemon: p.daemon(), command: command, heard: func() {}}
	defer func() { place.heard() }()
	if _, err := place.look(ctx); err != nil {
		return err
	}
	if !yes && p.asks && !p.agrees(ctx, "One node after the other is taken out of the pair, and its role moves. Upgrade?") {
		return wrong("nothing was changed")
	}
	return lead(ctx, &upgrade{order: o}, place)
}

// upgradeRoom is what an upgrade sees of the world and does in it.
type upgradeRoom interface {
	// look is what is known now. An error says that nothing is.
	look(context.Context) (sight, error)
	// maintain switches maintenance, of the other node when peer is set.
	maintain(ctx context.Context, peer, on bool) error
	// replace puts a new program in the place of that of this node, and restarts its daemon.
	replace(context.Context) error
	tell(string)
	// pause waits until it is worth to look again.
	pause(context.Context) error
}

// lead does what an upgrade says, until it is done or cannot go on.
func lead(ctx context.Context, u *upgrade, room upgradeRoom) error {
	for {
		s, err := room.look(ctx)
		switch {
		case ctx.Err() != nil:
			return wrong("interrupted. %s", u.left())
		case err != nil && u.stage == stageBegin:
			return err
		case err != nil:
			s.gone = true // it may be on its way to be replaced
		}
		acts, err := u.step(s)
		if err := errors.Join(act(ctx, u, room, acts), err); err != nil || u.stage == stageDone {
			return err
		}
		if err := room.pause(ctx); err != nil {
			return wrong("interrupted. %s", u.left())
		}
	}
}

// act does what is to be done.
func act(ctx context.Context, u *upgrade, room upgradeRoom, acts []upgradeAct) error {
	for _, a := range acts {
		switch {
		case a.maintain:
			if err := room.maintain(ctx, u.peer, a.on); err != nil {
				return fmt.Errorf("maintenance of %s: %w", u.node(), err)
			}
		case a.replace:
			if err := room.replace(ctx); err != nil {
				return wrong("the command for %s: %w. %s", u.node(), err, u.left())
			}
		default:
			room.tell(a.tell)
		}
	}
	return nil
}

// upgradePlace is the pair that the socket leads to.
type upgradePlace struct {
	*program
	daemon  *web.Client
	command string
	waits   bool
	heard   func() // ends what is shown while it waits
}

func (l *upgradePlace) look(ctx context.Context) (sight, error) {
	s := sight{at: time.Now()}
	var err error
	if s.gateway, err = l.daemon.Status(ctx); err != nil {
		return s, err
	}
	s.pair, err = l.daemon.HAStatus(ctx)
	return s, err
}

func (l *upgradePlace) maintain(ctx context.Context, peer, on bool) error {
	if peer {
		return l.daemon.PeerMaintenance(ctx, on, "")
	}
	_, err := l.daemon.Maintenance(ctx, on, "")
	return err
}

func (l *upgradePlace) replace(ctx context.Context) error {
	l.stopWaiting()
	cmd := exec.CommandContext(ctx, "sh", "-c", l.command)
	cmd.Stdout, cmd.Stderr = l.out, l.err
	return cmd.Run()
}

func (l *upgradePlace) tell(said string) {
	l.stopWaiting()
	l.hanging(text(""), said)
}

func (l *upgradePlace) stopWaiting() {
	l.heard()
	l.waits, l.heard = false, func() {}
}

// lookAgain is how often an upgrade looks at the pair.
const lookAgain = 500 * time.Millisecond

func (l *upgradePlace) pause(ctx context.Context) error {
	if !l.waits {
		l.waits, l.heard = true, l.busy("waiting")
	}
	t := time.NewTimer(lookAgain)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
