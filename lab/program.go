package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Program is a program of Go that is built when it is first needed, for tests that run it as users do.
type Program struct {
	pkg string

	once sync.Once
	dir  string
	err  error
}

// NewProgram is the program of a package, named by its import path. Nothing is built yet.
func NewProgram(pkg string) *Program { return &Program{pkg: pkg} }

// Path is where the program is. The first call builds it.
func (p *Program) Path() (string, error) {
	p.once.Do(func() { p.err = p.build() })
	if p.err != nil {
		return "", fmt.Errorf("build %s: %w", p.pkg, p.err)
	}
	return p.path(), nil
}

func (p *Program) path() string { return filepath.Join(p.dir, filepath.Base(p.pkg)) }

func (p *Program) build() (err error) {
	if p.dir, err = os.MkdirTemp("", filepath.Base(p.pkg)+"-"); err != nil {
		return err
	}
	if out, err := exec.Command("go", "build", "-o", p.path(), p.pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Close removes what was built. The program is not to be used any more.
func (p *Program) Close() error {
	p.once.Do(func() { p.err = errors.New("program is closed") })
	if p.dir == "" {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// Main runs the tests of a testing.M that need the program, removes it, and returns the code to exit with.
func (p *Program) Main(tests interface{ Run() int }) int {
	code := tests.Run()
	if err := p.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}
