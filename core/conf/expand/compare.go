package expand

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// operators are tried in this order: the longer ones first.
var operators = [...]string{"==", "!=", "<=", ">=", "<", ">"}

// compare evaluates the comparison at the start of s and returns what follows it: "", or a text
// that begins with "?" or ":".
func (e *expander) compare(s string) (holds bool, rest string, err error) {
	left, rest, err := cutPayload(s)
	if err != nil {
		return false, "", err
	}
	operator, byLevel, rest, err := cutOperator(rest)
	if err != nil {
		return false, "", err
	}
	right, rest, err := cutPayload(rest)
	if err != nil {
		return false, "", err
	}
	if rest != "" && rest[0] != '?' && rest[0] != ':' {
		return false, "", fmt.Errorf("\"?\" or \":\" expected at %q", rest)
	}
	if left, err = e.apart(left); err != nil {
		return false, "", err
	}
	if right, err = e.apart(right); err != nil {
		return false, "", err
	}
	order, err := orderOf(left, right, byLevel)
	return holdsFor(operator, order), rest, err
}

func cutOperator(s string) (operator string, byLevel bool, rest string, err error) {
	for _, o := range operators {
		if !strings.HasPrefix(s, o) {
			continue
		}
		rest = s[len(o):]
		if after, ok := strings.CutPrefix(rest, "level"); ok {
			rest, byLevel = after, true
		}
		return o, byLevel, trimLeft(rest), nil
	}
	return "", false, "", fmt.Errorf("one of == != <= >= < > expected at %q", s)
}

func holdsFor(operator string, order int) bool {
	switch operator {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<=":
		return order <= 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	}
	return order > 0
}

// orderOf compares two expanded operands.
func orderOf(left, right string, byLevel bool) (int, error) {
	if byLevel {
		return orderOfLevels(left, right)
	}
	if !digits(left) || !digits(right) {
		return strings.Compare(left, right), nil
	}
	l, err := number(left)
	if err != nil {
		return 0, err
	}
	r, err := number(right)
	return cmp.Compare(l, r), err
}

// orderOfLevels compares compatibility levels: up to three numbers with dots between them.
func orderOfLevels(left, right string) (int, error) {
	l, err := level(left)
	if err != nil {
		return 0, err
	}
	r, err := level(right)
	if err != nil {
		return 0, err
	}
	for i := range l {
		if c := cmp.Compare(l[i], r[i]); c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

func level(s string) (numbers [3]int64, err error) {
	parts := strings.Split(s, ".")
	if len(parts) > len(numbers) {
		return numbers, levelError(s)
	}
	for i, p := range parts {
		if !digits(p) {
			return numbers, levelError(s)
		}
		if numbers[i], err = number(p); err != nil {
			return numbers, err
		}
	}
	return numbers, nil
}

func levelError(s string) error {
	return fmt.Errorf("%q is not a compatibility level (such as 3.6)", s)
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the number %s is too large to compare", s)
	}
	return n, nil
}
