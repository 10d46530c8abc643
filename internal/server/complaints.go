package server

import (
	"log/slog"
	"sync"
	"time"
)

// At most complaintsMost lines in complaintWindow: whoever throws garbage at a port does not fill the log.
const (
	complaintsMost  = 10
	complaintWindow = 10 * time.Second
)

// complaints logs what clients did wrong, one line for each, up to a rate. mu guards the counts.
type complaints struct {
	logger     *slog.Logger
	mu         sync.Mutex
	since      time.Time
	said       int
	suppressed int
}

func (c *complaints) warn(message string, args ...any) {
	c.mu.Lock()
	now := time.Now()
	if now.Sub(c.since) >= complaintWindow {
		c.since, c.said = now, 0
	}
	if c.said++; c.said > complaintsMost {
		c.suppressed++
		c.mu.Unlock()
		return
	}
	suppressed := c.suppressed
	c.suppressed = 0
	c.mu.Unlock()
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	c.logger.Warn(message, args...)
}

// hint explains bytes that are some other protocol's first, read as a size.
func hint(head []byte) string {
	switch {
	case len(head) >= 3 && head[0] == 0x16 && head[1] == 3:
		return "a TLS handshake on a PLAINTEXT listener: the client's security.protocol is SSL or SASL_SSL; set it to PLAINTEXT"
	case len(head) < 4:
		return ""
	}
	switch string(head[:4]) {
	case "GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI", "CONN", "PATC", "PRI ":
		return "an HTTP request on a Kafka listener: this port speaks Kafka's protocol alone"
	case "SSH-":
		return "an SSH client on a Kafka listener"
	}
	return ""
}
