package main

import (
	"fmt"

	"github.com/rempart/rempart/config"
	"github.com/rempart/rempart/firewall/report"
)

// printFindings prints one finding a line, as compilers print warnings and editors read them.
func (p *program) printFindings(findings []report.Finding) {
	for _, f := range findings {
		at := config.Error{Position: config.Position{File: f.File, Line: f.Line, Col: f.Col}, Key: f.Key, Msg: "warning: " + f.Message}
		fmt.Fprintln(p.err, at.Error())
	}
}

// asFaults is findings as faults. What could not be examined to its end is none.
func asFaults(findings []report.Finding) []report.Fault {
	var out []report.Fault
	for _, f := range findings {
		if f.Kind != report.FindingUndecided {
			out = append(out, f.Fault)
		}
	}
	return out
}
