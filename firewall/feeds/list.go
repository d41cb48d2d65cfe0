package feeds

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"
)

const (
	maxLines   = 2_000_000
	maxLine    = 64 << 10 // bytes of a line that are read; the rest of it is skipped
	keptBad    = 10       // bad lines that are shown
	maxBadText = 80       // bytes of one that are shown
	utf8BOM    = "\xef\xbb\xbf"
)

var (
	errMarkup = errors.New("it is a page (HTML or XML), not a list: check the url, perhaps it asks for a login")
	errLines  = errors.New("take a smaller list, or one with prefixes")
)

// lines is a list as it was read: what its good lines said, and its bad ones.
type lines struct {
	v4       []uint64 // first address << 32 | last address: a fifth of the memory of ranges
	v6       []netipx.IPRange
	bad      int
	badLines []BadLine
}

func (l *lines) good() int { return len(l.v4) + len(l.v6) }

// readLines reads a list of at most so many lines, one entry a line. It fails
// only if the list as a whole cannot be one, or cannot be read.
func readLines(r io.Reader, most int) (*lines, error) {
	in := bufio.NewReaderSize(r, maxLine)
	if head, _ := in.Peek(len(utf8BOM)); string(head) == utf8BOM {
		in.Discard(len(utf8BOM))
	}
	l := new(lines)
	blank := true // nothing but white space so far
	for n := 1; ; n++ {
		line, err := readLine(in)
		if err != nil && (err != io.EOF || len(line) == 0) {
			return l, ignoreEOF(err)
		}
		if n > most {
			return nil, fmt.Errorf("it has more than %d lines: %w", most, errLines)
		}
		text := bytes.TrimSpace(line)
		if blank && len(text) > 0 && text[0] == '<' {
			return nil, errMarkup
		}
		blank = blank && len(text) == 0
		l.add(n, text)
	}
}

// readLine returns the beginning of the next line; the end of a very long one is dropped.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	line = bytes.Clone(line)
	for err == bufio.ErrBufferFull {
		_, err = in.ReadSlice('\n')
	}
	if err == io.EOF {
		err = nil // comes again
	}
	return line, err
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func (l *lines) add(number int, text []byte) {
	r, why := parseEntry(text)
	switch {
	case why == "" && !r.IsValid(): // a comment, or nothing
	case why != "":
		l.bad++
		if len(l.badLines) < keptBad {
			l.badLines = append(l.badLines, BadLine{Line: number, Text: printable(text), Why: why})
		}
	case r.From().Is4():
		l.v4 = append(l.v4, uint64(number4(r.From()))<<32|uint64(number4(r.To())))
	default:
		l.v6 = append(l.v6, r)
	}
}

// set is what the good lines cover.
func (l *lines) set() (*netipx.IPSet, error) {
	var b netipx.IPSetBuilder
	slices.Sort(l.v4)
	for i := 0; i < len(l.v4); {
		first, last := l.v4[i]>>32, l.v4[i]&0xffff_ffff
		for i++; i < len(l.v4) && l.v4[i]>>32 <= last+1; i++ {
			last = max(last, l.v4[i]&0xffff_ffff)
		}
		b.AddRange(netipx.IPRangeFrom(addr4(uint32(first)), addr4(uint32(last))))
	}
	for _, r := range l.v6 {
		b.AddRange(r)
	}
	return b.IPSet()
}

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func addr4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// printable makes a line of unknown origin safe for a terminal.
func printable(line []byte) string {
	cut := line[:min(len(line), maxBadText)]
	quoted := strconv.QuoteToGraphic(strings.ToValidUTF8(string(cut), "?"))
	return quoted[1 : len(quoted)-1]
}
