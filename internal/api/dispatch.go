package api

import (
	"fmt"

	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Dispatch finds a request's row, checks its version and size, decodes it and calls the row's handler. It is immutable.
type Dispatch struct {
	rows []*Row // by key; nil where not served
}

// NewDispatch indexes a table. Two rows of one key, or a row that kmsg cannot decode, are a broken invariant.
func NewDispatch(table []Row) *Dispatch {
	d := &Dispatch{rows: make([]*Row, kmsg.MaxKey+1)}
	for i := range table {
		row := &table[i]
		if row.Key < 0 || int(row.Key) >= len(d.rows) || d.rows[row.Key] != nil {
			panic(fmt.Sprintf("api: key %d has no place in the table, or two", row.Key))
		}
		d.rows[row.Key] = row
	}
	return d
}

// Row is the row of a key, nil where the key is not served.
func (d *Dispatch) Row(key int16) *Row {
	if key < 0 || int(key) >= len(d.rows) {
		return nil
	}
	return d.rows[key]
}

// Serve handles a call. A request that cannot be served drops its connection, as Kafka does; an unknown version of ApiVersions alone is
// answered, so that the client can go down to one that is known (KIP-511).
func (d *Dispatch) Serve(call *Call) {
	h := &call.Header
	row := d.Row(h.Key)
	switch {
	case row == nil:
		err := fmt.Errorf("%w: %s is not served", wire.ErrMalformed, keyName(h.Key))
		if why := whyUnsupported(kmsg.Key(h.Key)); why != "" {
			err = fmt.Errorf("%w: %s", err, why)
		}
		call.Drop(err)
	case h.Version < row.Min || h.Version > row.Max:
		if h.Key == int16(kmsg.ApiVersions) {
			refuseApiVersions(call, row)
			return
		}
		call.Drop(fmt.Errorf("%w: %s version %d is not served (versions %d to %d are)",
			wire.ErrMalformed, keyName(h.Key), h.Version, row.Min, row.Max))
	case row.MaxBytes > 0 && len(call.Body) > row.MaxBytes:
		call.Drop(fmt.Errorf("%w: %s request of %d bytes, the most is %d", wire.ErrMalformed, keyName(h.Key), len(call.Body), row.MaxBytes))
	case row.Raw:
		row.Handle(call, nil)
	default:
		if row.Reorder != nil {
			row.Reorder(h.Version, call.Body)
		}
		req, err := decode(call)
		if err != nil {
			call.Drop(err)
			return
		}
		row.Handle(call, req)
	}
}

// decode reads the body. Bytes after the body are ignored, as Kafka ignores them. A decoder that panics has been fed something malformed.
func decode(call *Call) (req kmsg.Request, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = malformedBody(call, fmt.Errorf("%v", p))
		}
	}()
	req = kmsg.RequestForKey(call.Header.Key)
	req.SetVersion(call.Header.Version)
	if err := req.ReadFrom(call.Body); err != nil {
		return nil, malformedBody(call, err)
	}
	return req, nil
}

func malformedBody(call *Call, cause error) error {
	return fmt.Errorf("%w: %s version %d, body of %d bytes: %v",
		wire.ErrMalformed, keyName(call.Header.Key), call.Header.Version, len(call.Body), cause)
}

// keyName is the name of a key for a log line.
func keyName(key int16) string {
	if name := kmsg.NameForKey(key); name != "" && name != "Unknown" {
		return name
	}
	return fmt.Sprintf("API key %d", key)
}
