package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ValueError is a value that a key does not take; its text is Kafka's ConfigException.
type ValueError struct {
	Key, Value, Message string
}

func (e *ValueError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("Invalid value %s for configuration %s", e.Value, e.Key)
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", e.Value, e.Key, e.Message)
}

// UnknownKeyError is a key that neither Kafka nor Milena has.
type UnknownKeyError struct {
	Kind string // "topic", "broker"
	Key  string
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("Unknown %s config name: %s", e.Kind, e.Key)
}

// parsed is a value by its type: bool, string, int64, float64 or []string.
type parsed any

// parse reads text as the key's type and checks its range.
func (r *row) parse(text string) (parsed, error) {
	v, message := parseType(r.Type, strings.TrimFunc(text, isJavaSpace))
	if message != "" {
		return nil, &ValueError{r.Name, r.shown(text), message}
	}
	if r.validate != nil {
		if bad, message := r.validate(v); message != "" {
			switch {
			case message == emptyItem:
				return nil, conflict("Configuration '%s' values must not be empty.", r.Name)
			case bad == "":
				bad = canonical(r.Type, v)
			case bad == "[]":
				bad = "[" + strings.Join(v.([]string), ", ") + "]"
			}
			return nil, &ValueError{r.Name, r.shown(bad), strings.ReplaceAll(message, "{key}", r.Name)}
		}
	}
	return v, nil
}

func (r *row) shown(text string) string {
	if r.Sensitive {
		return "[hidden]"
	}
	return text
}

// isJavaSpace is what String.trim cuts.
func isJavaSpace(c rune) bool { return c <= ' ' }

// parseType reads text as Kafka's ConfigDef.parseType does. message is empty where it succeeds.
func parseType(t Type, text string) (v parsed, message string) {
	switch t {
	case TypeBoolean:
		switch strings.ToLower(text) {
		case "true":
			return true, ""
		case "false":
			return false, ""
		}
		return nil, "Expected value to be either true or false"
	case TypeInt, TypeShort, TypeLong:
		bits := map[Type]int{TypeInt: 32, TypeShort: 16, TypeLong: 64}[t]
		n, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return nil, "Not a number of type " + t.String()
		}
		return n, ""
	case TypeDouble:
		f, ok := parseDouble(text)
		if !ok {
			return nil, "Not a number of type DOUBLE"
		}
		return f, ""
	case TypeList:
		return splitList(text), ""
	}
	return text, ""
}

// parseDouble reads what Double.parseDouble reads; Go's own spellings of infinity are refused.
func parseDouble(text string) (float64, bool) {
	switch strings.TrimLeft(text, "+-") {
	case "NaN", "Infinity":
	default:
		text = strings.TrimRight(text, "dDfF")
		if strings.ContainsAny(text, "iInN_") {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// canonical is a parsed value as Kafka prints it.
func canonical(t Type, v parsed) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatDouble(v)
	case []string:
		return strings.Join(v, ",")
	case string:
		return v
	}
	panic(fmt.Sprintf("config: %T as %s", v, t))
}

// formatDouble prints as Double.toString: plain from 1e-3 to 1e7, else with an exponent, always with a fraction.
func formatDouble(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.Replace(strconv.FormatFloat(f, 'g', -1, 64), "Inf", "Infinity", 1)
	}
	abs := math.Abs(f)
	if abs == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return strings.TrimPrefix(s, "+")
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// validator checks a parsed value: message is empty where it is allowed; bad is the part to blame, empty for the whole value, "[]" for
// the whole list as Java prints it. "{key}" in message stands for the key's name.
type validator func(v parsed) (bad, message string)

var (
	rangePattern     = regexp.MustCompile(`^\[(-?[0-9.]+),\.\.\.(?:,(-?[0-9.]+))?\]$`)
	throttledPattern = regexp.MustCompile(`^[0-9]+:[0-9]+$`)
)

// validatorOf makes the validator that prints itself as allowed.
func validatorOf(t Type, allowed string) validator {
	if allowed == "" {
		return nil
	}
	if m := rangePattern.FindStringSubmatch(allowed); m != nil {
		return inRange(m[1], m[2])
	}
	if list, ok := strings.CutPrefix(allowed, "(case insensitive) ["); ok {
		return oneOf(splitList(strings.TrimSuffix(list, "]")), true)
	}
	switch allowed {
	case "[1,...,9] or -1":
		return gzipLevel
	case "non-empty string":
		return func(v parsed) (string, string) {
			if v.(string) == "" {
				return "", "String must be non-empty"
			}
			return "", ""
		}
	case "non-empty list", "non-null string":
		return nil
	case "[partitionId]:[brokerId],[partitionId]:[brokerId],...":
		return throttledReplicas
	case "protocol version":
		return protocolVersion
	}
	if strings.HasPrefix(allowed, "[") && strings.HasSuffix(allowed, "]") {
		names := splitList(allowed[1 : len(allowed)-1])
		if t == TypeList {
			return listOf(names)
		}
		return oneOf(names, false)
	}
	panic("config: no validator for " + allowed)
}

func inRange(low, high string) validator {
	toFloat := func(v parsed) float64 {
		if n, ok := v.(int64); ok {
			return float64(n)
		}
		return v.(float64)
	}
	lowest, _ := strconv.ParseFloat(low, 64)
	highest, _ := strconv.ParseFloat(high, 64)
	return func(v parsed) (string, string) {
		f := toFloat(v)
		if f < lowest {
			return "", "Value must be at least " + low
		}
		if high != "" && f > highest {
			return "", "Value must be no more than " + high
		}
		return "", ""
	}
}

func oneOf(names []string, anyCase bool) validator {
	message := "String must be one of: "
	if anyCase {
		message = "String must be one of (case insensitive): "
	}
	message += strings.Join(names, ", ")
	return func(v parsed) (string, string) {
		for _, n := range names {
			if n == v.(string) || anyCase && strings.EqualFold(n, v.(string)) {
				return "", ""
			}
		}
		return "", message
	}
}

// emptyItem says that an item of a list is empty; Kafka has a text of its own for it.
const emptyItem = "empty item"

func listOf(names []string) validator {
	one := oneOf(names, false)
	return func(v parsed) (string, string) {
		for _, item := range v.([]string) {
			if item == "" {
				return "", emptyItem
			}
			if _, message := one(item); message != "" {
				return item, message
			}
		}
		return "", ""
	}
}

func gzipLevel(v parsed) (string, string) {
	if n := v.(int64); n != -1 && (n < 1 || n > 9) {
		return "", "Value must be between 1 and 9 or equal to -1"
	}
	return "", ""
}

func throttledReplicas(v parsed) (string, string) {
	list := v.([]string)
	if len(list) == 1 && list[0] == "*" {
		return "", ""
	}
	for _, item := range list {
		if !throttledPattern.MatchString(item) {
			return "[]", "{key} must be the literal '*' or a list of replicas in the following format: " +
				"[partitionId]:[brokerId],[partitionId]:[brokerId],..."
		}
	}
	return "", ""
}

var versionPattern = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)*(-IV[0-9]+)?$`)

func protocolVersion(v parsed) (string, string) {
	if !versionPattern.MatchString(v.(string)) {
		return "", "Version " + v.(string) + " is not a valid version"
	}
	return "", ""
}
