package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/rempart/rempart/firewall/report"
	"golang.org/x/sync/errgroup"
)

// Group is the group whose members may speak to the daemon beside root.
const Group = "rempart"

// Times of a connection to the socket.
const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	stopTime   = 5 * time.Second // for what is being answered when the daemon stops
)

// maxPath is the longest path of a socket (unix(7)), the zero at its end not counted.
const maxPath = 107

// Server owns a unix socket and lets root and the members of Group ask over it.
type Server struct {
	listener *net.UnixListener
	gate     gate
	visits   *visits
	log      hclog.Logger
}

// Listen claims a socket path: it makes the directory when there is none,
// removes a socket that nobody listens on, and refuses when another daemon
// answers there. Connections wait until Run.
func Listen(socket string, log hclog.Logger) (*Server, error) {
	gid, ok, err := groupNumber(Group)
	if err != nil {
		return nil, fmt.Errorf("look up group %s: %w", Group, err)
	}
	g := gate{gid: gid, hasGroup: ok}
	l, err := claim(socket, g)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", socket, err)
	}
	return &Server{listener: l, gate: g, visits: newVisits(), log: log.Named("web")}, nil
}

func claim(socket string, g gate) (*net.UnixListener, error) {
	if len(socket) > maxPath {
		return nil, fmt.Errorf("path is longer than %d bytes", maxPath)
	}
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, err
	}
	if err := removeStale(socket); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// Who connects before the mode is set is judged by the gate like everybody.
	if err := g.open(socket); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeStale removes a socket that a dead daemon left behind.
func removeStale(socket string) error {
	info, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file that is no socket")
	}
	c, err := net.Dial("unix", socket)
	if err == nil {
		return errors.Join(errors.New("another daemon answers there"), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(socket)
}

// Close gives the path back when Run was never called.
func (s *Server) Close() error { return s.listener.Close() }

// Run answers with h until ctx ends, then waits for what is being answered,
// for some seconds, and removes the socket. Requests carry their caller.
func (s *Server) Run(ctx context.Context, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          s.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
		ConnContext:       s.connContext,
		ConnState:         s.visits.turn,
		// Followed logs end with the daemon.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	g, serving := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
		}
		return nil
	})
	g.Go(func() error {
		<-serving.Done()
		return s.stop(context.WithoutCancel(ctx), srv)
	})
	return g.Wait()
}

// stop ends the listening at once and the answering in time.
func (s *Server) stop(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.log.Warn("requests were broken off", "cause", err)
		return srv.Close()
	}
	return nil
}

// connContext notes who has connected, and when.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	who := caller{Caller: report.Caller{Connected: time.Now()}}
	cred, err := peerOf(c.(*net.UnixConn))
	if err == nil {
		who.UID, who.PID, who.Name = cred.uid, cred.pid, loginName(cred.uid)
		err = s.gate.admit(cred)
	}
	if err != nil {
		s.log.Warn("caller denied", "uid", cred.uid, "pid", cred.pid, "cause", err)
		who.err = &transportError{http.StatusForbidden, fmt.Sprintf("user %s may not speak to rempart: want root or a member of group %s", who.Name, Group)}
	}
	if s.visits.enter(cred.uid, c) {
		s.log.Warn("caller holds too many connections, older ones are closed", "uid", cred.uid, "pid", cred.pid, "most", maxVisits)
	}
	return context.WithValue(ctx, callerKey{}, who)
}

// gate says who may ask.
type gate struct {
	gid      uint32 // of Group
	hasGroup bool   // there is such a group
}

// open lets those whom the gate admits connect to the socket file, and nobody else.
func (g gate) open(socket string) error {
	if g.hasGroup {
		if err := os.Chown(socket, -1, int(g.gid)); err != nil {
			return err
		}
	}
	return os.Chmod(socket, 0o660)
}

// admit is the check of one peer.
func (g gate) admit(c credentials) error {
	if c.uid == 0 {
		return nil
	}
	if g.hasGroup && (c.gid == g.gid || slices.Contains(c.groups, g.gid)) {
		return nil
	}
	return errors.New("neither root nor a member of the group")
}
