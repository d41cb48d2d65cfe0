package feeds

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"net/url"
	"time"
)

// A kept source is a line of JSON, the ranges of a list one a line, and a last
// line with a digest of all before it.
//
//	{"format":1,"kind":"list","name":"drop_list","url":"https://...","lines":2}
//	192.0.2.0-192.0.2.255
//	2001:db8::-2001:db8::ffff
//	sha256 9f86d081...
const recordFormat = 1

type recordHead struct {
	Format    int          `json:"format"`
	Kind      string       `json:"kind"`
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	URL       string       `json:"url,omitempty"`
	Version   Version      `json:"version,omitzero"`
	Lines     int          `json:"lines,omitempty"`
}

var (
	errDamaged = errors.New("the content is damaged")
	digestWord = []byte("sha256 ")
)

func encode(w io.Writer, k key, c content) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	head := recordHead{
		Format: recordFormat, Kind: k.kind.String(), Name: k.name,
		Addresses: c.addresses(), URL: c.url, Version: c.version, Lines: c.lines,
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out.Write(append(text, '\n')) // a bufio.Writer keeps its first error for Flush
	if c.list != nil {
		var line []byte
		for _, r := range c.list.Ranges() {
			line = r.From().AppendTo(line[:0])
			line = append(line, '-')
			line = r.To().AppendTo(line)
			out.Write(append(line, '\n'))
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%x\n", digestWord, sum.Sum(nil))
	return err
}

// decode reads what encode wrote for k. Whatever else it finds is an error.
func decode(r io.Reader, k key) (content, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	sum := sha256.New()
	first, err := in.ReadBytes('\n')
	if err != nil {
		return content{}, errDamaged
	}
	sum.Write(first)
	var head recordHead
	if err := json.Unmarshal(first, &head); err != nil {
		return content{}, errDamaged
	}
	if head.Format != recordFormat || head.Kind != k.kind.String() || head.Name != k.name {
		return content{}, errors.New("it is of another source or format")
	}
	l, err := decodeLines(in, sum)
	if err != nil {
		return content{}, err
	}
	if k.kind == Name {
		c := content{leases: make(leases, len(head.Addresses))}
		for _, a := range head.Addresses {
			c.leases[a] = time.Time{}
		}
		return c, nil
	}
	set, err := l.set()
	return content{list: set, lines: head.Lines, url: head.URL, version: head.Version}, err
}

// decodeLines reads the ranges up to the digest, which has to be right and the last line.
func decodeLines(in *bufio.Reader, sum hash.Hash) (*lines, error) {
	l := new(lines)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, errDamaged
		}
		if digest, ok := bytes.CutPrefix(line, digestWord); ok {
			if string(bytes.TrimSpace(digest)) != hex.EncodeToString(sum.Sum(nil)) {
				return nil, errDamaged
			}
			if _, err := in.ReadByte(); err != io.EOF {
				return nil, errDamaged
			}
			return l, nil
		}
		sum.Write(line)
		if l.add(n, bytes.TrimSpace(line)); l.bad > 0 {
			return nil, errDamaged
		}
	}
}

// fileName is where a source is kept. Aliases and domain names are short and
// plain; what is not is told apart by a digest.
func fileName(k key) string {
	const longest = 200
	name := url.PathEscape(k.name)
	if len(name) > longest {
		sum := sha256.Sum256([]byte(k.name))
		name = name[:longest] + "-" + hex.EncodeToString(sum[:8])
	}
	return k.kind.String() + "-" + name
}
