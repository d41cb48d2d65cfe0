package feeds

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

func zip(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecompress(t *testing.T) {
	const limit = 1 << 20
	fits := bytes.Repeat([]byte("192.0.2.1\n"), limit/10)
	over := append(bytes.Clone(fits), bytes.Repeat([]byte("x"), limit-len(fits)+1)...)
	bomb := zip(t, make([]byte, 4*limit))
	tests := []struct {
		name string
		in   []byte
		want int // bytes
		says string
	}{
		{"plain", fits, len(fits), ""},
		{"just fits", over[:limit], limit, ""},
		{"too large", over, 0, "larger than 1 MiB"},
		{"gzip", zip(t, fits), len(fits), ""},
		{"gzip twice", zip(t, zip(t, fits)), len(fits), ""},
		{"two members", append(zip(t, fits[:10]), zip(t, fits[:20])...), 30, ""},
		{"bomb", bomb, 0, "larger than 1 MiB"},
		{"bomb in a bomb", zip(t, bomb), 0, "larger than 1 MiB"},
		{"endless empty members", bytes.Repeat(zip(t, nil), limit/10), 0, "larger than 1 MiB"},
		{"cut off", zip(t, fits)[:50], 0, "unexpected EOF"},
		{"magic only", []byte("\x1f\x8b"), 0, "decompress"},
		{"empty", nil, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n int64
			r, err := decompress(bytes.NewReader(tt.in), limit)
			if err == nil {
				n, err = io.Copy(io.Discard, r)
			}
			switch {
			case tt.says == "" && (err != nil || n != int64(tt.want)):
				t.Errorf("%d bytes, %v, want %d", n, err, tt.want)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("%d bytes, %v, want %q", n, err, tt.says)
			}
			if n > limit+8192 {
				t.Errorf("%d bytes came out of a limit of %d", n, limit)
			}
		})
	}
}
