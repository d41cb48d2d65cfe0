package feeds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	maxRedirects  = 5
	headerTimeout = 30 * time.Second
	userAgent     = "rempart"
)

// Web is the Fetcher over HTTP, HTTPS and the file system.
type Web struct {
	dir    string
	client *http.Client
}

// NewWeb returns a Web that finds files such as "file:name" in a directory.
func NewWeb(dir string) *Web {
	return &Web{dir: dir, client: &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: headerTimeout,
			// Lists are hours apart: a connection that stays would only linger.
			DisableKeepAlives: true,
			// Bodies are decompressed where their size is watched.
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: checkRedirect,
	}}
}

func checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects: check the url", maxRedirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("it is redirected from https to http, where anybody could change it: check the url")
	}
	return nil
}

// Fetch opens a list. Files have the time and size as their version.
func (w *Web) Fetch(ctx context.Context, address string, have Version) (Document, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Document{}, errors.New("the url is none")
	}
	if u.Scheme == "file" {
		return openFile(w.path(u), have)
	}
	return w.get(ctx, u, have)
}

func (w *Web) get(ctx context.Context, u *url.URL, have Version) (Document, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Document{}, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "gzip")
	if have.ETag != "" {
		req.Header.Set("If-None-Match", have.ETag)
	}
	if have.Modified != "" {
		req.Header.Set("If-Modified-Since", have.Modified)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return Document{}, reason(err)
	}
	doc, err := document(res, have)
	if err != nil || doc.Unchanged {
		res.Body.Close()
	}
	return doc, err
}

// document judges a response by its head.
func document(res *http.Response, have Version) (Document, error) {
	encoding := res.Header.Get("Content-Encoding")
	switch {
	case res.StatusCode == http.StatusNotModified && have != Version{}:
		return Document{Unchanged: true, Version: have}, nil
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return Document{}, fmt.Errorf("the server says %s: check the url, and the key or password in it", res.Status)
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusGone:
		return Document{}, fmt.Errorf("the server says %s: check the url", res.Status)
	case res.StatusCode != http.StatusOK:
		return Document{}, fmt.Errorf("the server says %s: it is tried again", res.Status)
	case encoding != "" && encoding != "gzip" && encoding != "identity":
		return Document{}, fmt.Errorf("the server sends %q, which nobody asked for: take another url", encoding)
	case res.ContentLength > maxBytes:
		return Document{}, fmt.Errorf("it is larger than %d MiB: take a smaller list", maxBytes>>20)
	}
	v := Version{ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified")}
	return Document{Body: res.Body, Version: v}, nil
}

// reason is why a request failed, without the URL: it stands in front already, without its password.
func reason(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	if u.Timeout() {
		return errors.New("the server does not answer in time: check that this gateway reaches it")
	}
	return u.Err
}

func isFile(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "file"
}

// path is where a file URL points: "file:///etc/list", or "file:list" beside the policy.
func (w *Web) path(u *url.URL) string {
	path := u.Path
	if u.Opaque != "" {
		path = u.Opaque
		if plain, err := url.PathUnescape(path); err == nil {
			path = plain
		}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.dir, path)
	}
	return path
}

func openFile(path string, have Version) (Document, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Document{}, fmt.Errorf("%w: put the list there, or correct the url", err)
	}
	// Opening a pipe or a device might wait for ever.
	if !info.Mode().IsRegular() {
		return Document{}, fmt.Errorf("%s is no regular file: put the list there, or correct the url", path)
	}
	v := Version{ETag: fmt.Sprintf("%d bytes", info.Size()), Modified: info.ModTime().UTC().Format(time.RFC3339Nano)}
	if v == have {
		return Document{Unchanged: true, Version: v}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return Document{}, err
	}
	return Document{Body: f, Version: v}, nil
}
