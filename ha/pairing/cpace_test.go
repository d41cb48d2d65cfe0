package pairing

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cloudflare/circl/group"
)

// unhex reads the bytes of a vector, as the draft breaks them into lines.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func scalarOf(t *testing.T, b []byte) group.Scalar {
	t.Helper()
	s := group.P256.NewScalar()
	if err := s.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return s
}

// The vectors of draft-irtf-cfrg-cpace, appendix "Test vector for CPace using group NIST P-256 and hash SHA-256".
const (
	vectorCI        = "0b415f696e69746961746f720b425f726573706f6e646572"
	vectorSID       = "34b36454cab2e7842c389f7d88ecb7df"
	vectorGenerator = `0439bff2b051701594d3e9c7e93be9213af15db42214dfc4f7ee929a6697f774d7
		ba5fb289b982399e4acd281a988bf058ea7ff6d7ff34fdb72157bb464ff4af87`
	vectorA      = "37574cfbf1b95ff6a8e2d7be462d4d01e6dde2618f34f4de9df869b24f532c5d"
	vectorShareA = `04cf55f0a53a1b4c43002e1be8171f42737cf20b7cd6177b901ef962c2e2d486b2
		f738263c6da5aa902fe185ae2cda587df8d27a16fc19c32a7b31aab097919736`
	vectorB      = "e5672fc9eb4e721f41d80181ec4c9fd9886668acc48024d33c82bb102aecba52"
	vectorShareB = `046f538f9b8eb4e628bcace0fbba7d36fea44e98334d233c22101a2f28eb3afc1a
		61b2bd14c0f11b222b5ea34df7756d104e2b5da09c9e8ffa330c150f47e84cef`
	vectorK   = "9dd152b687ded1e071cc0625bd1ffff4c4ccd7d77cb4987c7d1e4ecb3a0db812"
	vectorISK = "d67704f1c69b85736f273e73198a79fe5e4f60cb405e32f708e0aff5fdb5f9db"
)

func TestLengthsInFront(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{[]string{""}, "00"},
		{[]string{"1234"}, "0431323334"},
		{[]string{"1234", "5", "", "678"}, "043132333401350003363738"},
		{[]string{"123", "PartyA"}, "03313233065061727479" + "41"},
		{[]string{strings.Repeat("a", 128)}, "8001" + strings.Repeat("61", 128)},
	} {
		var parts [][]byte
		for _, p := range c.parts {
			parts = append(parts, []byte(p))
		}
		if got := hex.EncodeToString(appendLV(nil, parts...)); got != c.want {
			t.Errorf("%q: %s, want %s", c.parts, got, c.want)
		}
	}
}

func TestGenerator(t *testing.T) {
	prs, ci, sid := []byte("Password"), unhex(t, vectorCI), unhex(t, vectorSID)
	want := unhex(t, `1e4350616365503235365f584d443a5348412d3235365f535357555f
		4e555f0850617373776f726417000000000000000000000000000000
		0000000000000000180b415f696e69746961746f720b425f72657370
		6f6e6465721034b36454cab2e7842c389f7d88ecb7df`)
	if got := generatorString(prs, ci, sid); !bytes.Equal(got, want) {
		t.Errorf("generator string %x, want %x", got, want)
	}
	got, err := generator(prs, ci, sid).MarshalBinary()
	if err != nil || !bytes.Equal(got, unhex(t, vectorGenerator)) {
		t.Errorf("generator %x, %v", got, err)
	}
}

func TestSharesAndKey(t *testing.T) {
	sid := unhex(t, vectorSID)
	g := generator([]byte("Password"), unhex(t, vectorCI), sid)
	a, err := newShare(g, scalarOf(t, unhex(t, vectorA)))
	if err != nil || !bytes.Equal(a.point, unhex(t, vectorShareA)) {
		t.Fatalf("share of a %x, %v", a.point, err)
	}
	b, err := newShare(g, scalarOf(t, unhex(t, vectorB)))
	if err != nil || !bytes.Equal(b.point, unhex(t, vectorShareB)) {
		t.Fatalf("share of b %x, %v", b.point, err)
	}
	for name, got := range map[string]func() ([]byte, error){
		"a": func() ([]byte, error) { return a.secret(b.point) },
		"b": func() ([]byte, error) { return b.secret(a.point) },
	} {
		k, err := got()
		if err != nil || !bytes.Equal(k, unhex(t, vectorK)) {
			t.Fatalf("%s: %x, %v", name, k, err)
		}
		isk := intermediate(sid, k, a.point, []byte("ADa"), b.point, []byte("ADb"))
		if !bytes.Equal(isk, unhex(t, vectorISK)) {
			t.Errorf("%s: the key is %x", name, isk)
		}
	}
}

func TestSecretOfAnyPoint(t *testing.T) {
	s := share{scalar: scalarOf(t, unhex(t, "f012501c091ff9b99a123fffe571d8bc01e8077ee581362e1bd213990835643b"))}
	good := unhex(t, `0424648eb986c2be0af636455cef0550671d6bcd8aa26e0d72ffa1b1fd12ba4e0f
		78da2b6d2184f31af39e566aef127014b6936c9a37346d10a4ab2514faef5831`)
	want := unhex(t, "f5a191f078c87c36633b78c701751159d56c59f3fe9105b5720673470f303ab9")
	if k, err := s.secret(good); err != nil || !bytes.Equal(k, want) {
		t.Errorf("%x, %v; want %x", k, err, want)
	}
	off := bytes.Clone(good) // the draft's Y_i1
	off[len(off)-1] = 0x57
	for name, point := range map[string][]byte{
		"off the curve": off,
		"neutral":       {0}, // the draft's Y_i2
		"nothing":       nil,
		"compressed":    append([]byte{3}, good[1:33]...),
		"hybrid":        append([]byte{7}, good[1:]...),
		"short":         good[:64],
		"long":          append(bytes.Clone(good), 0),
		"zeros":         append([]byte{4}, make([]byte, 64)...),
		"not reduced":   append([]byte{4}, bytes.Repeat([]byte{0xff}, 64)...),
	} {
		if k, err := s.secret(point); err == nil {
			t.Errorf("%s: %x", name, k)
		}
	}
}
