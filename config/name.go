package config

import "fmt"

// longestName leaves room for what the compiler puts around a name.
const longestName = 64

// checkName says what is wrong with the name of a thing.
func checkName(s string) error {
	switch {
	case s == "any" || s == "self":
		return fmt.Errorf("%q has a meaning of its own and cannot be a name", s)
	case s == "":
		return fmt.Errorf("the name is empty")
	case len(s) > longestName:
		return fmt.Errorf("the name has %d characters: at most %d", len(s), longestName)
	case !isLetter(s[0]):
		return fmt.Errorf("the name %q has to begin with a letter", s)
	}
	for _, r := range s {
		if r != '.' && notInName(r) {
			return fmt.Errorf("the name %q has %q in it: letters, digits, \"_\", \".\" and \"-\" may stand in a name", s, r)
		}
	}
	return nil
}
