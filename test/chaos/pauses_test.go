//go:build chaos

package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// pauses are what producers had to wait, by kind of failure.
type pauses map[string][]time.Duration

func (p pauses) String() string {
	var text strings.Builder
	for _, a := range failures {
		if all := p[a.name]; len(all) > 0 {
			slices.Sort(all)
			fmt.Fprintf(&text, "\n%-32s %3d times, median %6d ms, longest %6d ms", a.name, len(all), all[len(all)/2].Milliseconds(),
				all[len(all)-1].Milliseconds())
		}
	}
	return text.String()
}
