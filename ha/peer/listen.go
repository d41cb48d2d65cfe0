package peer

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// lookTime is how often a listener looks whether its device is still the one that it is bound to.
const lookTime = 2 * time.Second

// listen takes calls wherever the link is aimed.
func (l *Link) listen(ctx context.Context) {
	wait := retryMin
	for ctx.Err() == nil {
		a, wanted, _, aimed, _ := l.target()
		if !wanted {
			pause(ctx, aimed, -1)
			wait = retryMin
			continue
		}
		began := time.Now()
		err := l.listenAt(ctx, aimed, a)
		if ctx.Err() != nil || aimed.Err() != nil {
			continue
		}
		if time.Since(began) > retryMax {
			wait = retryMin
		}
		l.options.Log.Debug("listener of the link ended", "device", a.device, "address", a.local, "error", err)
		pause(ctx, aimed, jitter(wait))
		wait = min(2*wait, retryMax)
	}
}

var errDevice = errors.New("the device is another one now")

// listenAt takes calls until the aim or ctx ends, or the listener is of no use any more.
func (l *Link) listenAt(ctx, aimed context.Context, a aim) error {
	index, err := l.network.index(a.device)
	if err != nil {
		return err
	}
	listener, err := l.network.listen(a)
	if err != nil {
		return err
	}
	stopRun := context.AfterFunc(ctx, func() { _ = listener.Close() })
	stopAim := context.AfterFunc(aimed, func() { _ = listener.Close() })
	defer func() {
		stopRun()
		stopAim()
		_ = listener.Close() // it may be closed already
	}()
	for {
		_ = listener.SetDeadline(time.Now().Add(lookTime)) // fails when it is closed, which Accept says as well
		tcp, err := listener.AcceptTCP()
		switch {
		case err == nil:
			l.welcome(ctx, tcp, a)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		default:
			if now, err := l.network.index(a.device); err != nil || now != index {
				return errors.Join(errDevice, err)
			}
		}
	}
}

// welcome has a caller prove himself, unless he cannot be the peer or is one of too many.
func (l *Link) welcome(ctx context.Context, tcp *net.TCPConn, a aim) {
	if !a.allows(addrOf(tcp.RemoteAddr())) {
		l.counters.strangers.Add(1)
		_ = tcp.Close()
		return
	}
	select {
	case l.halfOpen <- struct{}{}:
	default:
		l.counters.refused.Add(1)
		_ = tcp.Close()
		return
	}
	l.parts.Go(func() {
		c, err := l.meet(ctx, tcp, acceptor, a)
		<-l.halfOpen
		if err == nil {
			l.hold(ctx, c)
		}
	})
}
