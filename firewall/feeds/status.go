package feeds

import "time"

// Kind is what a source is.
type Kind int

// The kinds of sources.
const (
	Name Kind = iota + 1 // a domain name
	List                 // a file or URL
)

// String is "name" or "list".
func (k Kind) String() string {
	if k == List {
		return "list"
	}
	return "name"
}

// MarshalText prints a kind as String does.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Source says how it stands with one name or list.
type Source struct {
	Kind Kind `json:"kind"`
	// Name is the domain name, or the alias of a list.
	Name string `json:"name"`
	// URL is where a list comes from, without its password.
	URL string `json:"url,omitempty"`
	// Entries counts the addresses of a name or the good lines of a list, of the content in use.
	Entries     int       `json:"entries"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastTry     time.Time `json:"last_try,omitzero"`
	// LastError says why the last try failed and what to do; empty after a success.
	LastError string    `json:"last_error,omitempty"`
	NextDue   time.Time `json:"next_due,omitzero"`
	// Held says that the list shrank so much that the content before it stays in
	// use; HeldEntries is what it has now.
	Held        bool `json:"held,omitempty"`
	HeldEntries int  `json:"held_entries,omitempty"`
	// Bad counts the lines of the list last fetched that were no addresses;
	// BadLines is the first of them.
	Bad      int       `json:"bad,omitempty"`
	BadLines []BadLine `json:"bad_lines,omitempty"`
}

// BadLine is a line of a list that was not understood.
type BadLine struct {
	Line int    `json:"line"` // counts from 1
	Text string `json:"text"` // safe to print; long ones are cut
	Why  string `json:"why"`
}
