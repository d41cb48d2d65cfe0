package config

import (
	"fmt"
	"strings"
	"testing"
)

// manyRules is a policy with n rules of the kind that people write.
func manyRules(t testing.TB, n int) File {
	t.Helper()
	b := new(strings.Builder)
	b.Write(load(t, "single.toml").Data)
	for i := range n {
		fmt.Fprintf(b, `
[[rule]]
name        = "r%d"
from        = "lan"
to          = "wan"
source      = ["10.1.2.%d", "@web"]
destination = "10.%d.%d.0/24"
protocol    = ["tcp", "udp"]
port        = ["http", %d, "8000-8080"]
action      = "pass"
`, i, i%16, i/256%256, i%256, i%65535+1)
	}
	return File{Name: "rempart.toml", Data: []byte(b.String())}
}

func BenchmarkParse10000Rules(b *testing.B) {
	f := manyRules(b, 10000)
	b.SetBytes(int64(len(f.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(f, nil); err != nil {
			b.Fatal(err)
		}
	}
}
