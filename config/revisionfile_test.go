package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// oldFile is the file of a revision as format 1 had it.
func oldFile(t *testing.T, number int, policy, parent string) []byte {
	t.Helper()
	named := ""
	if parent != "" {
		named = fmt.Sprintf(`"parent":%q,`, Hash([]byte(parent)))
	}
	return appendSum(fmt.Appendf(nil, "rempart revision 1\n"+
		`{"number":%d,"hash":%q,%s"author":"anna","message":"why","time":"2026-11-22T21:00:00.5+01:00","policy":%d,"node":-1}`+"\n%s",
		number, Hash([]byte(policy)), named, len(policy), policy), 0)
}

func TestRevisionFile(t *testing.T) {
	plain := Revision{Number: 1}
	plain.Seal(nil)
	empty := fullRevision()
	empty.Shared, empty.Policy, empty.Node, empty.Secrets = []byte{}, []byte{}, []byte{}, nil
	empty.Seal(someKey(1))
	old := Revision{
		Number: 9, ID: Hash([]byte("a")), Parents: []string{Hash([]byte("p"))}, Hash: Hash([]byte("a")),
		Author: "anna", Shared: []byte("a"), Policy: []byte("a and mine"),
	}
	for name, want := range map[string]Revision{"full": fullRevision(), "plain": plain, "empty texts": empty, "without an ID of its own": old} {
		file, err := appendRevision(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseRevision(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for n := range file {
			if _, err := parseRevision(file[:n]); err == nil {
				t.Fatalf("%s: cut after %d bytes, and not seen", name, n)
			}
		}
	}
}

func TestRevisionFileOfFormat1(t *testing.T) {
	want := Revision{
		Number: 3, ID: Hash([]byte("a")), Parents: []string{Hash([]byte("p"))}, Hash: Hash([]byte("a")), Author: "anna", Message: "why",
		Time: time.Date(2026, 11, 22, 20, 0, 0, 5e8, time.UTC), Policy: []byte("a"),
	}
	file := oldFile(t, 3, "a", "p")
	got, err := parseRevision(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.Verify(); err != nil {
		t.Error(err)
	}
	for n := range file {
		if _, err := parseRevision(file[:n]); err == nil {
			t.Fatalf("cut after %d bytes, and not seen", n)
		}
	}
	if got, err = parseRevision(oldFile(t, 1, "a", "")); err != nil || got.Parents != nil {
		t.Errorf("the first: %v, %v", got.Parents, err)
	}
}

// TestRevisionFileMalformed has the right sum each time: the file is as somebody wrote it.
func TestRevisionFileMalformed(t *testing.T) {
	whole, err := appendRevision(nil, fullRevision())
	if err != nil {
		t.Fatal(err)
	}
	body := whole[:bytes.LastIndex(whole, []byte(sumPrefix))]
	old := oldFile(t, 1, "a", "p")
	old = old[:bytes.LastIndex(old, []byte(sumPrefix))]
	for _, c := range []struct {
		name, was, is string
		body          []byte
		want          error
	}{
		{"as it was", "", "", body, nil},
		{"another format", "revision 2", "revision 3", body, nil},
		{"no JSON", `{"number"`, `"number"`, body, nil},
		{"a number that is none", `"number":7`, `"number":"7"`, body, nil},
		{"a text too long", `"policy":11`, `"policy":12`, body, errLengths},
		{"a text too short", `"policy":11`, `"policy":10`, body, errLengths},
		{"a text that is not there", `"policy":11`, `"policy":-1`, body, errLengths},
		{"a text of less than nothing", `"policy":11`, `"policy":-2`, body, errLengths},
		{"a text beyond all", `"policy":11`, `"policy":9223372036854775807`, body, errLengths},
		{"another text of less than nothing", `"node":13`, `"node":-2`, body, errLengths},
		{"texts cut otherwise", `"policy":11,"node":13,"shared":7`, `"policy":11,"node":12,"shared":8`, body, ErrHash},
		{"a secret twice", `"name":"b"`, `"name":"carp.key"`, body, ErrID},
		{"a secret of another name", `"name":"b"`, `"name":"c"`, body, ErrID},
		{"a secret elsewhere", `"name":"b"`, `"name":"../b"`, body, ErrBounds},
		{"a secret of less than nothing", `"name":"b","size":0`, `"name":"b","size":-1`, body, errLengths},
		{"another text", "shared\n\x67", "Shared\n\x67", body, ErrHash},
		{"another author", "anna", "anne", body, ErrID},
		{"another signature", `"signature":"`, `"signature":"AAAA`, body, ErrSignature},
		{"an old text too long", `"policy":1`, `"policy":2`, old, errLengths},
		{"an old text less", `"policy":1`, `"policy":0`, old, errLengths},
		{"an old node too long", `"node":-1`, `"node":1`, old, errLengths},
		{"another old text", "\na", "\nb", old, ErrHash},
		{"no old JSON", "{", "", old, nil},
	} {
		changed := bytes.Replace(c.body, []byte(c.was), []byte(c.is), 1)
		if c.was != "" && bytes.Equal(changed, c.body) {
			t.Fatalf("%s: %q is not in the file", c.name, c.was)
		}
		_, err := parseRevision(appendSum(changed, 0))
		if (err == nil) != (c.was == "") || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// FuzzParseRevision: what is read from a file is written and read again the same. The sum is put
// behind what is tried, which hardly ever comes upon it.
func FuzzParseRevision(f *testing.F) {
	for _, r := range []Revision{fullRevision(), {}} {
		if r.ID == "" {
			r.Seal(nil)
		}
		whole, err := appendRevision(nil, r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(whole[:bytes.LastIndex(whole, []byte(sumPrefix))])
	}
	f.Add([]byte(strings.Join([]string{oldRevisionMagic, `{"hash":"` + Hash([]byte("a")) + `","policy":1,"node":1}`, "\nab"}, "")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := parseRevision(body); err == nil {
			t.Errorf("taken without a sum: %q", body)
		}
		r, err := parseRevision(appendSum(bytes.Clone(body), 0))
		if err != nil {
			return
		}
		if err := r.Verify(); err != nil {
			if !bytes.HasPrefix(body, []byte(oldRevisionMagic)) {
				t.Errorf("taken, but: %v", err)
			}
			return
		}
		again, err := appendRevision(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseRevision(again)
		if err != nil || !cmp.Equal(r, back) {
			t.Errorf("read %+v, written and read again %+v, %v", r, back, err)
		}
	})
}
