package feeds

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rempart/rempart/disk"
)

// store keeps one file for each source. The file's time is when its source
// last confirmed it. The zero store keeps nothing.
type store struct{ dir string }

// save replaces what is kept for a source: after a power cut there is either the old or the new.
func (s store) save(k key, c content) error {
	if s.dir == "" {
		return nil
	}
	if err := s.write(fileName(k), func(w io.Writer) error { return encode(w, k, c) }); err != nil {
		return fmt.Errorf("keep it in %s: %w: it is in use, but lost with a restart; make room there", s.dir, err)
	}
	return nil
}

func (s store) write(name string, fill func(io.Writer) error) error {
	if err := disk.MakeDir(disk.OS{}, s.dir); err != nil {
		return err
	}
	return disk.Replace(disk.OS{}, filepath.Join(s.dir, name), fill)
}

// confirm notes that what is kept was found to be still so.
func (s store) confirm(k key, at time.Time) error {
	if s.dir == "" {
		return nil
	}
	err := os.Chtimes(filepath.Join(s.dir, fileName(k)), at, at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep it in %s: %w", s.dir, err)
	}
	return nil
}

// confirmed is when what is kept for a source was confirmed; a zero time says that there is nothing.
func (s store) confirmed(k key) time.Time {
	if s.dir == "" {
		return time.Time{}
	}
	info, err := os.Stat(filepath.Join(s.dir, fileName(k)))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// load returns what is kept for a source and when that was confirmed; a zero time says that there is nothing.
func (s store) load(k key) (content, time.Time, error) {
	if s.dir == "" {
		return content{}, time.Time{}, nil
	}
	path := filepath.Join(s.dir, fileName(k))
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return content{}, time.Time{}, nil
	}
	if err != nil {
		return content{}, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return content{}, time.Time{}, err
	}
	c, err := decode(f, k)
	if err != nil {
		return content{}, time.Time{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, info.ModTime(), nil
}

// prune removes what no source in keep needs and nothing confirmed since before.
func (s store) prune(keep []key, before time.Time) error {
	if s.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	wanted := make(map[string]bool, len(keep))
	for _, k := range keep {
		wanted[fileName(k)] = true
	}
	var faults []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || wanted[e.Name()] || !ours(e.Name()) || !info.ModTime().Before(before) {
			continue
		}
		faults = append(faults, os.Remove(filepath.Join(s.dir, e.Name())))
	}
	return errors.Join(faults...)
}

// ours says whether a file is one that the store writes.
func ours(name string) bool {
	return strings.HasSuffix(name, disk.Temporary) ||
		strings.HasPrefix(name, Name.String()+"-") || strings.HasPrefix(name, List.String()+"-")
}
