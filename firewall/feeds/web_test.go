package feeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func fetched(t *testing.T, doc Document, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer doc.Body.Close()
	b, err := io.ReadAll(doc.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWebIsConditional(t *testing.T) {
	var asked []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match")+" "+r.Header.Get("If-Modified-Since")+" "+r.UserAgent())
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), strings.NewReader("192.0.2.1\n"))
	})
	web := NewWeb("")
	doc, err := web.Fetch(t.Context(), url, Version{})
	if got := fetched(t, doc, err); got != "192.0.2.1\n" {
		t.Errorf("got %q", got)
	}
	again, err := web.Fetch(t.Context(), url, doc.Version)
	if err != nil || !again.Unchanged || again.Body != nil || again.Version != doc.Version {
		t.Errorf("again: %+v, %v", again, err)
	}
	want := fmt.Sprint([]string{"  rempart", `"1" Tue, 14 Nov 2023 22:13:20 GMT rempart`})
	if got := fmt.Sprint(asked); got != want {
		t.Errorf("asked with\n%s, want\n%s", got, want)
	}
}

func TestWebRefuses(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/304":
			w.WriteHeader(http.StatusNotModified)
		case "/401":
			w.WriteHeader(http.StatusUnauthorized)
		case "/503":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/br":
			w.Header().Set("Content-Encoding", "br")
		case "/huge":
			w.Header().Set("Content-Length", fmt.Sprint(maxBytes+1))
		default:
			http.NotFound(w, r)
		}
	})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tests := []struct{ address, says string }{
		{url + "/loop", "more than 5 redirects"},
		{url + "/file", "unsupported protocol scheme"},
		{url + "/304", "the server says 304"},
		{url + "/401", "check the url, and the key"},
		{url + "/404", "the server says 404 Not Found: check the url"},
		{url + "/503", "the server says 503 Service Unavailable: it is tried again"},
		{url + "/br", `sends "br"`},
		{url + "/huge", "larger than 64 MiB"},
		{strings.Replace(gone.URL, "http://", "http://user:hush@", 1), "connection refused"},
		{"file:///", "no regular file"},
		{"file:///nonexistent/list", "no such file or directory: put the list there"},
		{"http://[", "the url is none"},
	}
	for _, tt := range tests {
		_, err := NewWeb("").Fetch(t.Context(), tt.address, Version{})
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.address, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the password shows: %v", tt.address, err)
		}
	}
}

func TestWebFollowsAFewRedirects(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.URL.Path); n <= maxRedirects {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
			return
		}
		io.WriteString(w, "192.0.2.1")
	})
	doc, err := NewWeb("").Fetch(t.Context(), url+"/", Version{})
	if got := fetched(t, doc, err); got != "192.0.2.1" {
		t.Errorf("got %q", got)
	}
}

func TestWebKeepsToHTTPS(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "0.0.0.0/1") })
	s := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	defer s.Close()
	web := NewWeb("")
	web.client.Transport = s.Client().Transport
	if _, err := web.Fetch(t.Context(), s.URL, Version{}); err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("got %v", err)
	}
}

// TestWebSlowServer has a server that never answers, and one that stops half-way.
func TestWebSlowServer(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/half" {
			io.WriteString(w, "192.0.2.1\n")
			w.(http.Flusher).Flush()
		}
		<-release
	})
	defer close(release)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewWeb("").Fetch(ctx, url+"/never", Version{}); err == nil || !strings.Contains(err.Error(), "does not answer in time") {
		t.Errorf("no answer: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	doc, err := NewWeb("").Fetch(ctx, url+"/half", Version{})
	if err != nil {
		t.Fatal(err)
	}
	defer doc.Body.Close()
	if _, err := readDocument(doc.Body); err == nil || !strings.Contains(err.Error(), "not whole after") {
		t.Errorf("half an answer: %v", err)
	}
}

func TestWebCutShort(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "192.0.2.1\n")
	})
	doc, err := NewWeb("").Fetch(t.Context(), url, Version{})
	if err != nil {
		t.Fatal(err)
	}
	defer doc.Body.Close()
	if _, err := readDocument(doc.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestWebFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a list")
	write := func(text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now()
	write("192.0.2.1\n", at)
	var have Version
	for _, url := range []string{"file://" + dir + "/a%20list", "file:a%20list"} {
		doc, err := NewWeb(dir).Fetch(t.Context(), url, Version{})
		if got := fetched(t, doc, err); got != "192.0.2.1\n" {
			t.Errorf("%s: got %q", url, got)
		}
		have = doc.Version
	}
	unchanged := func(want bool) {
		t.Helper()
		doc, err := NewWeb(dir).Fetch(t.Context(), "file:a%20list", have)
		if err != nil || doc.Unchanged != want {
			t.Errorf("unchanged is %v, want %v: %v", doc.Unchanged, want, err)
		}
		if doc.Body != nil {
			doc.Body.Close()
		}
	}
	unchanged(true)
	write("192.0.2.2\n", at.Add(time.Second))
	unchanged(false)
	write("192.0.2.11\n", at)
	unchanged(false)
}
