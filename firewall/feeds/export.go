package feeds

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"go4.org/netipx"
)

// What was learned goes to another node as one message:
//
//	message = "rempart learned 1\n" source* SHA-256 of all before
//	source  = kind name age [url etag modified lines] content
//	kind    = one byte: 1 a name, 2 a list, which alone has what stands in brackets
//	age     = how long ago the source last confirmed it, in milliseconds
//
// Numbers are unsigned varints of the shortest form; texts, and the content,
// have their length before them. The content is addresses in order (packed):
// those of a name, or the first and the last of each range of a list. Sources
// are in order, so that equal knowledge of equal age has equal bytes.
const (
	exportMagic  = "rempart learned 1\n"
	maxExport    = 64 << 20     // bytes of a message
	maxShared    = 4 * maxLines // ranges of all its lists together: they are what takes memory
	maxAge       = 10 * 365 * 24 * time.Hour
	maxNameText  = 1 << 10
	maxURLText   = 8 << 10
	maxValueText = 1 << 10 // of what a server calls its version
)

// share is what one source learned, on its way to or from another node.
type share struct {
	key
	age     time.Duration
	url     string
	version Version
	lines   int
	packed  []byte // the addresses
}

// sum tells contents apart, whatever their age and wherever they are from.
func (s share) sum() [sha256.Size]byte {
	h := sha256.New()
	h.Write(appendText([]byte{byte(s.kind)}, s.name))
	h.Write(s.packed)
	return [sha256.Size]byte(h.Sum(nil))
}

func (s share) append(b []byte) []byte {
	b = appendText(append(b, byte(s.kind)), s.name)
	b = binary.AppendUvarint(b, uint64(s.age/time.Millisecond))
	if s.kind == List {
		b = appendText(appendText(appendText(b, s.url), s.version.ETag), s.version.Modified)
		b = binary.AppendUvarint(b, uint64(s.lines))
	}
	b = binary.AppendUvarint(b, uint64(len(s.packed)))
	return append(b, s.packed...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// held is the content of a source at one moment, to be read without a lock.
type held struct {
	key
	content
	confirmed time.Time
}

// share is the content for another node, which has a clock of its own.
func (h held) share(now time.Time) share {
	s := share{key: h.key, age: maxAge, url: h.url, version: h.version, lines: h.lines, packed: pack(h.key, h.content)}
	if age := now.Sub(h.confirmed); age >= 0 && age < maxAge { // a clock that was wrong proves nothing
		s.age = age
	}
	if len(s.version.ETag) > maxValueText || len(s.version.Modified) > maxValueText {
		s.version = Version{} // the list is fetched whole next time
	}
	return s
}

// held lists what is known of the sources wanted now, in order.
func (f *Feeds) held() []held {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []held
	for _, k := range slices.SortedFunc(maps.Keys(f.sources), key.compare) {
		if s := f.sources[k]; !s.known.empty() {
			out = append(out, held{k, s.known, s.lastSuccess})
		}
	}
	return out
}

// Export is all that is known of the sources wanted now, for the Import of
// another node: contents, and for how long they have been unconfirmed. What it
// says holds at the moment of the call. Lists that make it larger than 64 MiB,
// or than eight million ranges, are left out: the other node has to fetch them itself.
func (f *Feeds) Export() []byte {
	now := time.Now()
	b := []byte(exportMagic)
	ranges := 0
	for _, h := range f.held() {
		if h.list != nil {
			ranges += h.lines // never fewer than its ranges
		}
		s := h.share(now)
		if next := s.append(b); ranges <= maxShared && len(next) <= maxExport-sha256.Size && len(s.url) <= maxURLText {
			b = next
			continue
		}
		ranges -= h.lines
		f.log.Warn("list is too large to be shared with the other node", "source", h.name, "entries", h.entries())
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// sumOf remembers the sum of a list, which takes a moment.
type sumOf struct {
	list *netipx.IPSet
	sum  [sha256.Size]byte
}

// sum is that of the content of a source.
func (f *Feeds) sum(k key, c content) [sha256.Size]byte {
	f.summing.Lock()
	defer f.summing.Unlock()
	if last, ok := f.sums[k]; ok && last.list == c.list {
		return last.sum
	}
	sum := share{key: k, packed: pack(k, c)}.sum()
	if k.kind == List {
		f.sums[k] = sumOf{c.list, sum}
	}
	return sum
}

// Digest tells what is known of the sources wanted now from any other knowledge, as a SHA-256 in
// hexadecimal digits: two nodes with one policy that know the same have the
// same one, whenever they learned it. It is cheap while no list changes.
func (f *Feeds) Digest() string {
	h := sha256.New()
	known := map[key]bool{}
	for _, held := range f.held() {
		sum := f.sum(held.key, held.content)
		h.Write(sum[:])
		known[held.key] = true
	}
	f.summing.Lock()
	defer f.summing.Unlock()
	maps.DeleteFunc(f.sums, func(k key, _ sumOf) bool { return !known[k] })
	return hex.EncodeToString(h.Sum(nil))
}
