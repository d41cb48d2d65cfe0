// Package analysis says what is wrong with a policy that has no fault: rules
// that never match, that change nothing, or that contradict each other, and
// things that nobody uses. It also says between two policies what traffic changes its verdict.
//
// It reads a policy as regions of header space in the order in which they decide.
package analysis
