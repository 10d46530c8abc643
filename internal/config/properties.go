package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseProperties reads Java's properties syntax (java.util.Properties.load) in full: comments (# and !), "=", ":" or white space
// between key and value, escapes, \uXXXX, lines continued with a backslash, blank keys and values. Of a key given twice the last
// value holds. Bytes that are not UTF-8 are taken for ISO-8859-1. Nothing is expanded; white space at the end of a value stays,
// as in Java (values are trimmed when they are parsed).
func ParseProperties(raw []byte) (map[string]string, error) {
	text := decode(raw)
	out := map[string]string{}
	for line, n := range logicalLines(text) {
		key, value := splitProperty(line)
		k, err := unescape(key)
		if err == nil {
			value, err = unescape(value)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out[k] = value
	}
	return out, nil
}

// decode gives raw as text; the byte order mark that some editors write goes.
func decode(raw []byte) string {
	if utf8.Valid(raw) {
		return strings.TrimPrefix(string(raw), "\ufeff")
	}
	runes := make([]rune, len(raw))
	for i, c := range raw {
		runes[i] = rune(c)
	}
	return string(runes)
}

const propertySpace = " \t\f"

// logicalLines yields each line that is neither blank nor a comment, continuations joined, with its number.
func logicalLines(text string) func(yield func(string, int) bool) {
	return func(yield func(string, int) bool) {
		number := 0
		for text != "" {
			first := number + 1
			var line string
			line, text = cutLine(text)
			number++
			line = strings.TrimLeft(line, propertySpace)
			if line == "" || line[0] == '#' || line[0] == '!' {
				continue
			}
			atEnd := false
			for continues(line) {
				line = line[:len(line)-1]
				if atEnd = text == ""; atEnd || line == "" {
					break
				}
				var next string
				next, text = cutLine(text)
				number++
				line += strings.TrimLeft(next, propertySpace)
			}
			// A backslash alone continues nothing: the next line may well be a comment. At the end of the text it is a blank key.
			if (line != "" || atEnd) && !yield(line, first) {
				return
			}
		}
	}
}

// cutLine cuts the first natural line off text; it ends with \n, \r or \r\n.
func cutLine(text string) (line, rest string) {
	i := strings.IndexAny(text, "\r\n")
	if i < 0 {
		return text, ""
	}
	if strings.HasPrefix(text[i:], "\r\n") {
		return text[:i], text[i+2:]
	}
	return text[:i], text[i+1:]
}

// continues tells whether line ends with an odd number of backslashes.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// splitProperty cuts a logical line at the first unescaped separator.
func splitProperty(line string) (key, value string) {
	end := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
		} else if strings.IndexByte("=: \t\f", line[i]) >= 0 {
			end = i
			break
		}
	}
	key, value = line[:end], strings.TrimLeft(line[end:], propertySpace)
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], propertySpace)
	}
	return key, value
}

var errUnicode = errors.New(`malformed \uxxxx encoding`)

// unescape resolves \t \n \r \f \uXXXX; a backslash before any other character goes. Escaped surrogate pairs make one character.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var units []uint16
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if c != '\\' {
			units = utf16.AppendRune(units, c)
			continue
		}
		if i == len(s) {
			break
		}
		c, size = utf8.DecodeRuneInString(s[i:])
		i += size
		switch c {
		case 'u':
			u, ok := hex4(s[i:])
			if !ok {
				return "", errUnicode
			}
			units = append(units, u)
			i += 4
			continue
		case 't':
			c = '\t'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 'f':
			c = '\f'
		}
		units = utf16.AppendRune(units, c)
	}
	return string(utf16.Decode(units)), nil
}

func hex4(s string) (uint16, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var u uint16
	for _, c := range []byte(s[:4]) {
		switch {
		case c >= '0' && c <= '9':
			u = u<<4 | uint16(c-'0')
		case c >= 'a' && c <= 'f':
			u = u<<4 | uint16(c-'a'+10)
		case c >= 'A' && c <= 'F':
			u = u<<4 | uint16(c-'A'+10)
		default:
			return 0, false
		}
	}
	return u, true
}
