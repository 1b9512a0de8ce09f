package tomlcf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parameter returns a value of TOML as main.cf would have it.
func parameter(v any) (string, error) {
	elements, ok := v.([]any)
	if !ok {
		return scalar(v, "yes", "no")
	}
	words := make([]string, 0, len(elements))
	for _, e := range elements {
		word, err := scalar(e, "yes", "no")
		if err != nil {
			return "", err
		}
		words = append(words, word)
	}
	return strings.Join(words, ", "), nil
}

// scalar returns a string, whole number or boolean as text.
func scalar(v any, yes, no string) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return "", errors.New("a null character")
		}
		return strings.TrimSpace(strings.NewReplacer("\r\n", " ", "\n", " ").Replace(v)), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		if v {
			return yes, nil
		}
		return no, nil
	case float64:
		return "", errors.New("a number with a decimal point needs quotes")
	case []any, map[string]any:
		return "", errors.New("a string, whole number or boolean expected")
	}
	return "", fmt.Errorf("a string, whole number, boolean or array expected, %q needs quotes", fmt.Sprint(v))
}

// words returns an array of strings.
func words(v any) ([]string, error) {
	elements, ok := v.([]any)
	if !ok {
		return nil, errors.New("an array of strings expected")
	}
	all := make([]string, 0, len(elements))
	for _, e := range elements {
		s, ok := e.(string)
		if !ok || s == "" {
			return nil, errors.New("an array of strings expected")
		}
		all = append(all, s)
	}
	return all, nil
}

// flatten puts the keys of a plugin's configuration into out: tables as "table.key", arrays as
// lines.
func flatten(prefix string, v any, out map[string]string) error {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if err := flatten(prefix+"."+key, inner, out); err != nil {
				return err
			}
		}
		return nil
	}
	key := prefix[1:]
	if _, ok := out[key]; ok {
		return fmt.Errorf("%s: given twice", key)
	}
	text, err := plain(v)
	if elements, ok := v.([]any); ok {
		text, err = joined(elements)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	out[key] = text
	return nil
}

// plain returns one value of a plugin's configuration as text; a string is taken as it is.
func plain(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	}
	return scalar(v, "true", "false")
}

// joined returns an array of a plugin's configuration as lines.
func joined(elements []any) (string, error) {
	lines := make([]string, 0, len(elements))
	for _, e := range elements {
		line, err := plain(e)
		if err != nil {
			return "", err
		}
		if strings.Contains(line, "\n") {
			return "", errors.New("an array of single lines expected")
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), nil
}
