package hooks

import (
	"io/fs"
	"slices"
	"strings"
)

// file is an entry of a directory of hooks, or that directory.
type file struct {
	name  string
	mode  fs.FileMode // of the entry itself: a symbolic link is one
	owner uint32
}

// hookName says whether run-parts(8) would take a file of this name: backups and what
// a package manager leaves behind have other names.
func hookName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// passedOver says that a file is none of our business, as run-parts(8) has it.
func (f file) passedOver() bool {
	return !hookName(f.name) || f.mode.IsRegular() && f.mode&0o111 == 0
}

// unfit is why a file may not be run; empty: it may. us is who would run it.
func (f file) unfit(us uint32) string {
	if !f.mode.IsRegular() {
		return "it is no regular file"
	}
	return f.foreign(us)
}

// unfitDirectory is why no file of a directory may be run; empty: they may.
func (f file) unfitDirectory(us uint32) string {
	if !f.mode.IsDir() {
		return "it is no directory"
	}
	return f.foreign(us)
}

// foreign is how others than root could have put something there.
func (f file) foreign(us uint32) string {
	switch {
	case f.owner != 0 && f.owner != us:
		return "it does not belong to root"
	case f.mode&0o022 != 0:
		return "others than its owner may write to it"
	}
	return ""
}

// choose parts the files of a directory into those to run, in name order, and those that are
// skipped, with the reason.
func choose(files []file, us uint32) (run []string, skipped map[string]string) {
	skipped = make(map[string]string)
	for _, f := range files {
		if f.passedOver() {
			continue
		}
		if why := f.unfit(us); why != "" {
			skipped[f.name] = why
			continue
		}
		run = append(run, f.name)
	}
	slices.Sort(run)
	return run, skipped
}
