package feeds

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go4.org/netipx"
)

var errShared = errors.New("it is damaged")

// parseExport reads what Export made, and nothing else.
func parseExport(b []byte) ([]share, error) {
	if len(b) > maxExport {
		return nil, fmt.Errorf("it is larger than %d MiB", maxExport>>20)
	}
	body, ok := bytes.CutPrefix(b, []byte(exportMagic))
	if !ok {
		return nil, errors.New("it is of another format")
	}
	if len(body) < sha256.Size {
		return nil, errShared
	}
	body = body[:len(body)-sha256.Size]
	if sum := sha256.Sum256(b[:len(b)-sha256.Size]); !bytes.HasSuffix(b, sum[:]) {
		return nil, errShared
	}
	var all []share
	ranges := 0
	for in := (cursor{rest: body}); len(in.rest) > 0; {
		s := in.share()
		if in.damaged || len(all) > 0 && all[len(all)-1].key.compare(s.key) >= 0 {
			return nil, errShared
		}
		n, err := s.count()
		if err != nil {
			return nil, err
		}
		if ranges += n; ranges > maxShared {
			return nil, fmt.Errorf("its lists have more than %d ranges", maxShared)
		}
		all = append(all, s)
	}
	return all, nil
}

// count reads the content of a share without keeping it, and says how many ranges it has.
func (s share) count() (ranges int, err error) {
	if s.kind == Name {
		if len(s.packed) == 0 {
			return 0, errShared
		}
		return 0, eachAddress(s.packed, func(netip.Addr) {})
	}
	err = eachRange(s.packed, func(netipx.IPRange) { ranges++ })
	if err == nil && ranges > s.lines {
		err = errShared
	}
	return ranges, err
}

// content is what came, as this node keeps it. Addresses that it has known already stay for
// as long as they would have.
func (s share) content(known content) (content, error) {
	if s.kind == Name {
		c := content{leases: leases{}}
		err := eachAddress(s.packed, func(a netip.Addr) { c.leases[a] = known.leases[a] })
		return c, err
	}
	var b netipx.IPSetBuilder
	if err := eachRange(s.packed, b.AddRange); err != nil {
		return content{}, err
	}
	set, err := b.IPSet()
	return content{list: set, lines: s.lines, url: s.url, version: s.version}, err
}

// cursor reads fields off the front; once something is wrong, all is.
type cursor struct {
	rest    []byte
	damaged bool
}

func (c *cursor) share() share {
	var s share
	s.kind = Kind(c.byte())
	s.name = c.text(maxNameText)
	s.age = time.Duration(c.number(uint64(maxAge/time.Millisecond))) * time.Millisecond
	if s.kind == List {
		s.url = c.text(maxURLText)
		s.version = Version{ETag: c.text(maxValueText), Modified: c.text(maxValueText)}
		s.lines = int(c.number(maxLines))
	}
	s.packed = c.bytes(maxExport)
	c.damaged = c.damaged || s.kind != Name && s.kind != List || s.name == ""
	return s
}

func (c *cursor) byte() byte {
	if len(c.rest) == 0 {
		c.damaged = true
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *cursor) number(most uint64) uint64 {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 || n > most || size > 1 && c.rest[size-1] == 0 { // only the shortest form
		c.damaged, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

func (c *cursor) bytes(most int) []byte {
	n := c.number(uint64(most))
	if n > uint64(len(c.rest)) {
		c.damaged, c.rest = true, nil
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) text(most int) string { return string(c.bytes(most)) }
