package feeds

import (
	"context"
	"io"
	"net/netip"
	"time"
)

// Resolver asks for the addresses of names.
type Resolver interface {
	// Lookup asks for the addresses of one family behind an absolute name. An
	// answer without addresses is no error; ErrNoName says that there is no such name.
	Lookup(ctx context.Context, name string, f Family) (Answer, error)
}

// Family is a family of addresses.
type Family int

// The families.
const (
	IPv4 Family = iota + 1
	IPv6
)

// String names the family by its DNS record: A or AAAA.
func (f Family) String() string {
	if f == IPv6 {
		return "AAAA"
	}
	return "A"
}

func (f Family) has(a netip.Addr) bool { return a.Is4() == (f == IPv4) }

// Answer is what a name stands for.
type Answer struct {
	Addresses []netip.Addr
	TTL       time.Duration // the shortest of the records that led there
}

// Fetcher brings lists.
type Fetcher interface {
	// Fetch opens the list at a URL. If have is not zero and still the version
	// there, the document is Unchanged and has no body.
	Fetch(ctx context.Context, url string, have Version) (Document, error)
}

// Document is a list as it comes, perhaps compressed by gzip. Who fetched it closes Body.
type Document struct {
	Body      io.ReadCloser
	Version   Version
	Unchanged bool
}

// Version tells one state of a document from another, in the words of its server.
type Version struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}
