package pairing

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pair")
	k := opened(t, dir)
	if !bytes.Equal(opened(t, dir).Own(), k.Own()) {
		t.Error("each start makes another key")
	}
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil || !bytes.HasPrefix(key, []byte("-----BEGIN PRIVATE KEY-----\n")) {
		t.Errorf("%.40s, %v", key, err)
	}
	if k.State() != (State{Own: Fingerprint(publicOf(k.Own()))}) || k.Peers() != nil || k.Roots() != nil || len(k.Known()) != 1 {
		t.Errorf("%+v", k.State())
	}
	c := newCouple(t)
	for path, want := range map[string]os.FileMode{
		dir: 0o700 | os.ModeDir, filepath.Join(dir, keyFile): 0o600, filepath.Join(c.dirs[0], bookName): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		file   string
		damage func(b []byte) []byte
	}{
		"key empty":           {keyFile, func([]byte) []byte { return nil }},
		"key cut":             {keyFile, func(b []byte) []byte { return b[:len(b)/2] }},
		"key of another kind": {keyFile, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("PRIVATE"), []byte("PUBLIC")) }},
		"another key":         {keyFile, func([]byte) []byte { return otherKey(t) }},
		"pairing empty":       {bookName, func([]byte) []byte { return nil }},
		"pairing cut":         {bookName, func(b []byte) []byte { return b[:len(b)-3] }},
		"pairing flipped":     {bookName, flip},
		"another root":        {bookName, func(b []byte) []byte { return bytes.Replace(b, []byte(`"CQkJ`), []byte(`"CQkK`), 1) }},
		"pairing too large":   {bookName, func(b []byte) []byte { return append(b, make([]byte, maxFile)...) }},
		"later format": {bookName, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"format": 1`), []byte(`"format": 2`), 1)
		}},
	} {
		couple := newCouple(t)
		path := filepath.Join(couple.dirs[0], c.file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, c.damage(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(couple.dirs[0]); err == nil || !strings.Contains(err.Error(), couple.dirs[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := newCouple(t)
	if err := os.Remove(filepath.Join(c.dirs[0], keyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c.dirs[0]); err == nil || !strings.Contains(err.Error(), keyFile+" is missing") {
		t.Errorf("%v", err)
	}
}

func TestShut(t *testing.T) {
	c := newCouple(t)
	path := filepath.Join(c.dirs[0], bookName)
	damaged := []byte("{")
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	_, fault := Open(c.dirs[0])
	if fault == nil {
		t.Fatal("a damaged pairing was opened")
	}
	k, err := Shut(fault)
	if err != nil {
		t.Fatal(err)
	}
	if k.State().Paired || k.Roots() != nil || k.Peers() != nil || len(k.Own()) != ed25519.PrivateKeySize || !errors.Is(k.Fault(), fault) {
		t.Errorf("%+v, %v", k.State(), k.Fault())
	}
	for name, do := range map[string]func() error{
		"unpair": k.Unpair,
		"rotate": func() error { return k.Rotate(t.Context(), nil) },
		"join": func() error {
			_, err := k.Join(t.Context(), Join{Node: "a", Code: "12345678", Address: netip.MustParseAddr("192.0.2.1")})
			return err
		},
		"invite": func() error {
			_, err := k.Invite(t.Context(), Invite{Node: "a"}, func(string, time.Time, int) { t.Error("a code is shown") })
			return err
		},
		"answer": func() error {
			_, err := k.Answer(t.Context(), KindUnpair, nil)
			return err
		},
	} {
		if err := do(); !errors.Is(err, fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, damaged) {
		t.Errorf("the damaged file is %q now, %v", b, err)
	}
}

func otherKey(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := encodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContradictions(t *testing.T) {
	own, key := someone("a", 1)
	other, _ := someone("b", 2)
	good := bond{id: "1", node: "b", key: other.key, root: make([]byte, rootLen), stage: settled}
	with := func(f func(x *bond)) bond {
		x := good
		x.id = "2"
		f(&x)
		return x
	}
	if b, err := decodeBook(encoded(t, book{own: key, bonds: []bond{good}}), key); err != nil || len(b.bonds) != 1 {
		t.Fatal(err)
	}
	for name, bonds := range map[string][]bond{
		"two settled":  {good, with(func(*bond) {})},
		"one id":       {good, with(func(x *bond) { x.id, x.stage = "1", offered })},
		"no id":        {with(func(x *bond) { x.id = "" })},
		"no stage":     {with(func(x *bond) { x.stage = 0 })},
		"short root":   {with(func(x *bond) { x.root = x.root[:31] })},
		"short key":    {with(func(x *bond) { x.key = x.key[:31] })},
		"known":        {with(func(x *bond) { x.known = []ed25519.PublicKey{{1}} })},
		"itself":       {with(func(x *bond) { x.key = own.key })},
		"next of none": {with(func(x *bond) { x.next = key })},
	} {
		if _, err := decodeBook(encoded(t, book{own: key, bonds: bonds}), key); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := decodeBook(encoded(t, book{own: key}), ed25519.NewKeyFromSeed(make([]byte, 32))); !errors.Is(err, errOwnKey) {
		t.Errorf("%v", err)
	}
}

func encoded(t *testing.T, b book) []byte {
	t.Helper()
	text, err := encodeBook(b)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func FuzzBook(f *testing.F) {
	_, key := someone("a", 1)
	other, _ := someone("b", 2)
	text, err := encodeBook(book{own: key, bonds: []bond{{id: "1", node: "b", key: other.key, root: make([]byte, rootLen), stage: agreed}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeBook(b, key)
		if err != nil {
			return
		}
		again, err := encodeBook(got)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeBook(again, key); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
		got.state()
	})
}

func FuzzKey(f *testing.F) {
	_, key := someone("a", 1)
	text, err := encodeKey(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := decodeKey(b); err == nil && len(key) != ed25519.PrivateKeySize {
			t.Errorf("%d bytes", len(key))
		}
	})
}

func FuzzQuestions(f *testing.F) {
	_, key := someone("a", 1)
	fresh, next := someone("a", 3) // the same in every process that fuzzes
	o := &offer{id: make([]byte, idLen), current: publicOf(key), fresh: fresh.key, half: make([]byte, rootLen), next: next}
	f.Add(o.append(nil, key, nil))
	f.Add(commit{id: strings.Repeat("07", idLen), to: publicOf(key)}.append(nil))
	f.Add(appendStatus(nil, busy))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseCommit(b); err == nil {
			if back, err := parseCommit(c.append(nil)); err != nil || back.id != c.id || back.agreed != c.agreed {
				t.Errorf("%+v: %+v, %v", c, back, err)
			}
		}
		if all, err := parseFields(b); err == nil {
			if got, err := parseOffer(all, nil); err == nil && !bytes.Equal(got.text(nil), o.text(nil)) {
				t.Errorf("an offer that nobody made: %x", b)
			}
		}
		_, _, _ = parseAnswer(b)
	})
}
