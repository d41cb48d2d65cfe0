package feeds

import (
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLoopback learns from a real name server, a real web server and a real
// file, and follows what changes there.
func TestLoopback(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "allowed")
	if err := os.WriteFile(file, []byte("203.0.113.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := nameServer(t, zoneFile(t, deb+". 60 IN A 192.0.2.1", deb+". 60 IN AAAA 2001:db8::1"))
	unchanged := make(chan struct{}, 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"1"` {
			signal(unchanged)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zip(t, []byte("198.51.100.0/24 ; SBL1\n")))
	})
	f := New(Options{
		Dir:      filepath.Join(dir, "learned"),
		Resolver: &DNS{Servers: []netip.AddrPort{server}},
		Fetcher:  NewWeb(dir),
	})
	f.Set(policy(t, "updates "+deb, "drop "+url+" 1s", "allowed file:allowed 1s"))
	stop := run(t, f)
	defer stop()

	want := map[string]string{
		deb: "192.0.2.1 2001:db8::1", "@drop": "198.51.100.0-198.51.100.255", "@allowed": "203.0.113.1-203.0.113.1",
	}
	await(t, f, want)
	changes, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(changes, "203.0.113.2\n"); err != nil {
		t.Fatal(err)
	}
	if err := changes.Close(); err != nil {
		t.Fatal(err)
	}
	want["@allowed"] = "203.0.113.1-203.0.113.2"
	await(t, f, want)
	select {
	case <-unchanged:
	case <-time.After(10 * time.Second):
		t.Error("the list was not asked for by its ETag")
	}
	for _, s := range f.Status() {
		if s.LastError != "" {
			t.Errorf("%s says %q", s.Name, s.LastError)
		}
	}
}

// await takes changes until the snapshot is as wanted, for ten seconds.
func await(t *testing.T, f *Feeds, want map[string]string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		diff := cmp.Diff(want, snapshot(f))
		if diff == "" {
			return
		}
		select {
		case <-f.Changed():
		case <-late:
			t.Fatalf("snapshot -want +got\n%s\n%+v", diff, f.Status())
		}
	}
}
