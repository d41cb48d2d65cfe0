package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// LongestSecret is how many bytes of a password carp(4) keeps: ifconfig copies it
// into 20 bytes (CARP_KEY_LEN) of which the last is zero.
const LongestSecret = 19

// ParseSecret reads the content of the file with the CARP password: 1 to
// LongestSecret bytes without NUL. A line end behind them does not count.
func ParseSecret(content []byte) ([]byte, error) {
	secret := content
	if line, ok := bytes.CutSuffix(content, []byte("\n")); ok {
		secret = bytes.TrimSuffix(line, []byte("\r"))
	}
	switch {
	case len(secret) == 0:
		return nil, errors.New("the CARP password is empty: write one of 1 to 19 characters, the same on both nodes")
	case bytes.IndexByte(secret, 0) >= 0:
		return nil, errors.New("the CARP password has a zero byte in it, where other CARP nodes end it")
	case len(secret) > LongestSecret:
		return nil, fmt.Errorf("the CARP password has %d bytes: at most %d, because carp(4) keeps 20 with a zero at the end and cuts off the rest silently", len(secret), LongestSecret)
	}
	return secret, nil
}

// parseSecret reads where the password is.
func parseSecret(s string) (string, error) {
	name, ok := strings.CutPrefix(s, "file:")
	if !ok {
		return "", fmt.Errorf("a secret does not stand in the policy: write \"file:carp.key\" and put it into that file")
	}
	if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
		return "", fmt.Errorf("%q is no file beside the policy: write its bare name, such as \"file:carp.key\"", s)
	}
	return s, nil
}
