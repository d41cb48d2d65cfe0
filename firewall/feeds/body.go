package feeds

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
)

const maxBytes = 64 << 20

// decompress takes gzip off a list, twice if need be: a file that is compressed
// may be compressed again on its way. Neither what comes in nor what comes out
// may be larger than limit bytes, so that a small bomb stays small.
func decompress(r io.Reader, limit int64) (io.Reader, error) {
	const layers = 2
	in := bufio.NewReader(&limited{r: r, left: limit, limit: limit})
	for range layers {
		if magic, _ := in.Peek(2); string(magic) != "\x1f\x8b" {
			break
		}
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		in = bufio.NewReader(&limited{r: z, left: limit, limit: limit})
	}
	return in, nil
}

// limited fails, where io.LimitedReader would end: half a list is none.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, fmt.Errorf("it is larger than %d MiB: take a smaller list", l.limit>>20)
	}
	// One byte more than allowed tells a list that just fits from one that does not.
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	l.left -= int64(n)
	if l.left < 0 {
		return 0, fmt.Errorf("it is larger than %d MiB: take a smaller list", l.limit>>20)
	}
	return n, err
}
