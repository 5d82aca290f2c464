package event

import "fmt"

// Invalid is why an event can't be sent as it is. Its text is for the producer: it names the field, and of
// what the event says it repeats at most a number of 20 characters.
type Invalid struct {
	Field   string // "" where the value as a whole is at fault
	Problem string
}

func (i *Invalid) Error() string {
	if i.Field == "" {
		return "event: " + i.Problem
	}
	return fmt.Sprintf("%s: %s", i.Field, i.Problem)
}

func invalid(field, format string, args ...any) *Invalid {
	return &Invalid{Field: field, Problem: fmt.Sprintf(format, args...)}
}
