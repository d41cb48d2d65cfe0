package main

import (
	"strings"
	"time"

	"github.com/rempart/rempart/firewall/report"
)

// graphColumns is how wide a graph is where the screen is wide enough.
const graphColumns = 60

// graph is a line of columns, each as high as the highest value in its span of time.
type graph struct {
	columns []float64 // below zero: nothing is known of that span
	most    float64
}

// newGraph spreads what samples say between two instants over columns.
func newGraph(samples []report.GatewaySample, from, to time.Time, columns int, of func(report.GatewaySample) float64) graph {
	g := graph{columns: make([]float64, columns)}
	for i := range g.columns {
		g.columns[i] = -1
	}
	column := func(t time.Time) int { return int(float64(columns) * float64(t.Sub(from)) / float64(to.Sub(from))) }
	for _, s := range samples {
		end := s.Time.Add(time.Duration(s.Seconds) * time.Second)
		// A sample that is longer than a column fills all that it touches.
		for i := max(0, column(s.Time)); i <= min(columns-1, column(end.Add(-1))); i++ {
			g.columns[i] = max(g.columns[i], of(s))
			g.most = max(g.most, g.columns[i])
		}
	}
	return g
}

// String draws the line: a blank where nothing is known, a low bar for nothing.
func (g graph) String() string {
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, v := range g.columns {
		switch {
		case v < 0:
			b.WriteRune(' ')
		case g.most == 0:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[int(v/g.most*float64(len(bars)-1)+0.5)])
		}
	}
	return b.String()
}
