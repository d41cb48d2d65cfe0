package report

import (
	"fmt"
	"strings"
)

// TestResult says how a test of the policy came out.
type TestResult string

// The results of tests.
const (
	TestPassed    TestResult = "passed"
	TestFailed    TestResult = "failed"
	TestUndecided TestResult = "undecided" // it hangs on what is not known here, such as a list that was never fetched
)

// Test is a [[test]] of the policy and how it came out.
type Test struct {
	Name   string     `json:"name"`
	Packet string     `json:"packet"`
	File   string     `json:"file"` // where it stands
	Line   int        `json:"line"`
	Col    int        `json:"col"`
	Result TestResult `json:"result"`
	// Message says what was expected and what came, or what it hangs on; empty when it passed.
	Message string `json:"message,omitempty"`
	// Explanation is what becomes of the packet; absent when it passed.
	Explanation *Explanation `json:"explanation,omitempty"`
}

// FailedTests is the tests that failed, each as a fault at its place.
func FailedTests(tests []Test) TestsFailed {
	var out TestsFailed
	for i, t := range tests {
		if t.Result == TestFailed {
			out = append(out, Fault{
				File: t.File, Line: t.Line, Col: t.Col, Key: fmt.Sprintf("test[%d]", i),
				Message: fmt.Sprintf("%q: %s", t.Name, t.Message), Explanation: t.Explanation,
			})
		}
	}
	return out
}

// UndecidedTests says of each test that is not decided why.
func UndecidedTests(tests []Test) []string {
	var out []string
	for _, t := range tests {
		if t.Result == TestUndecided {
			out = append(out, fmt.Sprintf("test %q in line %d is not decided: %s", t.Name, t.Line, t.Message))
		}
	}
	return out
}

// TestsFailed is a policy that fails tests of its own, each at its place. It is ErrRequest.
type TestsFailed []Fault

// Error prints one test a line, as file:line:column: message.
func (e TestsFailed) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Col, f.Key, f.Message)
	}
	return strings.Join(lines, "\n")
}

// Unwrap says that it is the policy that is wrong.
func (e TestsFailed) Unwrap() error { return ErrRequest }
