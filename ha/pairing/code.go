package pairing

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
)

const codeDigits = 8

// code is what a person reads at one node and types at the other: eight digits.
type code string

// newCode draws a code; each is as likely as any other.
func newCode() (code, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return "", err
	}
	return code(fmt.Sprintf("%0*d", codeDigits, n)), nil
}

// parseCode reads a code as people write it: the digits, with a dash or blanks anywhere.
func parseCode(s string) (code, error) {
	digits := strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if len(digits) != codeDigits || strings.Trim(digits, "0123456789") != "" {
		return "", ErrCode
	}
	return code(digits), nil
}

// String is the code as it is shown, in two halves, because it may be said on the phone.
func (c code) String() string { return string(c[:codeDigits/2] + "-" + c[codeDigits/2:]) }
