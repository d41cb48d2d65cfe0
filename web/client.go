package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// Client asks a daemon over its socket; it is a Backend. Every call makes a
// connection of its own, so that a Confirm always comes over a new one. The
// daemon sees for itself who calls: the report.Caller arguments are not sent.
type Client struct {
	socket string
	http   *http.Client
}

// Dial returns a client of the daemon that listens on socket. It connects at
// the first call.
func Dial(socket string) *Client {
	return newClient(socket, func(ctx context.Context, _, _ string) (net.Conn, error) { return knock(ctx, socket) })
}

// knock connects. A socket with too many before the door answers EAGAIN at once,
// where a person would wait (connect(2)).
func knock(ctx context.Context, socket string) (net.Conn, error) {
	const again, patience = 10 * time.Millisecond, 5 * time.Second
	for end := time.Now().Add(patience); ; {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(again):
		}
	}
}

func newClient(socket string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}
	return &Client{socket: socket, http: &http.Client{Transport: transport}}
}

// get asks for the JSON value at a path.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return call[T](ctx, c, http.MethodGet, path, query, nil)
}

// post sends a body as JSON and reads the JSON value that comes back.
func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	var v T
	b, err := json.Marshal(body)
	if err != nil {
		return v, fmt.Errorf("encode request: %w", err)
	}
	return call[T](ctx, c, http.MethodPost, path, nil, b)
}

func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body []byte) (T, error) {
	var v T
	answer, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return v, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&v); err != nil {
		return v, c.broken(ctx, err)
	}
	return v, nil
}

// send returns the answer when it is a success. The caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	to := "http://rempart" + path
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", jsonType)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	f := new(Failure)
	if err := json.NewDecoder(answer.Body).Decode(f); err != nil || f.Message == "" {
		return nil, fmt.Errorf("daemon at %s: answers %s", c.socket, answer.Status)
	}
	return nil, f
}

// unreachable says what to do about a call that did not reach a daemon.
func (c *Client) unreachable(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &noDaemon{c.socket}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission to speak to the daemon at %s: be root or a member of group %s", c.socket, Group)
	}
	if inner := (*url.Error)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return c.broken(ctx, err)
}

// ErrNoDaemon says that no daemon listens on the socket.
var ErrNoDaemon = errors.New("no daemon answers")

type noDaemon struct{ socket string }

func (e *noDaemon) Error() string {
	return fmt.Sprintf("%v at %s: start it with `rempart run` or `systemctl start rempart`", ErrNoDaemon, e.socket)
}

func (e *noDaemon) Unwrap() error { return ErrNoDaemon }

// broken is a conversation that ended too early.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it went away")
	}
	return fmt.Errorf("daemon at %s: %w", c.socket, err)
}
