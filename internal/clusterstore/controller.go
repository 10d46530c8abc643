package clusterstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"milena/internal/coord"
)

// Epoch is a controller's reign: the epoch its requests carry, and the version of /controller_epoch by which its writes are checked.
type Epoch struct {
	Number  int32
	Version int32
}

// Guard refuses a write (coord.ErrBadVersion) once another controller has been elected.
func (e Epoch) Guard() coord.Op { return coord.Check{Path: ControllerEpochPath, Version: e.Version} }

// ErrFenced tells that another controller has been elected since.
var ErrFenced = errors.New("clusterstore: another controller has been elected")

// fenced tells a Multi whose first operation is Guard was refused by it.
func fenced(err error) error {
	var multi *coord.MultiError
	if errors.As(err, &multi) && multi.Index == 0 && (errors.Is(err, coord.ErrBadVersion) || errors.Is(err, coord.ErrNoNode)) {
		return fmt.Errorf("%w: %w", ErrFenced, err)
	}
	return err
}

// /controller:
//
//	{"version":2,"brokerid":1,"timestamp":"1795376059814","kraftControllerEpoch":-1,"milena":{"directory":"…","endpoint":"host:9093"}}
type controllerJSON struct {
	Version    int             `json:"version"`
	BrokerID   int32           `json:"brokerid"`
	Timestamp  flexibleInt     `json:"timestamp"`
	KRaftEpoch int32           `json:"kraftControllerEpoch"`
	Milena     *controllerMark `json:"milena,omitempty"`
}

type controllerMark struct {
	Directory string `json:"directory"`
	Endpoint  string `json:"endpoint,omitempty"`
}

// ElectedController is what /controller tells.
type ElectedController struct {
	BrokerID  int32
	Directory string // mark of a Milena broker, as in Broker
	// Endpoint is where brokers reach a controller that is no broker, host:port of its controller listener; "" for a broker, which is
	// registered.
	Endpoint string
	// CreateID and Session are the node's; set when read.
	CreateID int64
	Session  int64
}

// Controller reads who is controller; coord.ErrNoNode where nobody is.
func (s *Store) Controller(ctx context.Context) (*ElectedController, error) {
	node, err := s.coord.Get(ctx, ControllerPath)
	if err != nil {
		return nil, err
	}
	c, err := decodeController(node.Data)
	if err != nil {
		return nil, err
	}
	c.CreateID, c.Session = node.Stat.CreateID, node.Stat.EphemeralOwner
	return c, nil
}

func decodeController(data []byte) (*ElectedController, error) {
	j := controllerJSON{BrokerID: -1}
	if err := decode(ControllerPath, data, &j); err != nil {
		return nil, err
	}
	if j.BrokerID < 0 {
		return nil, corrupt(ControllerPath, "no broker id")
	}
	c := &ElectedController{BrokerID: j.BrokerID}
	if j.Milena != nil {
		c.Directory, c.Endpoint = j.Milena.Directory, j.Milena.Endpoint
	}
	return c, nil
}

// RemoveController ends a reign as it was read; coord.ErrBadVersion or ErrNoNode where another one has begun, or none is.
func (s *Store) RemoveController(ctx context.Context, c *ElectedController) error {
	_, err := s.coord.Multi(ctx, coord.Delete{Path: ControllerPath, Version: coord.AnyVersion, CreateID: c.CreateID})
	return coord.Single(err)
}

// ControllerEpoch reads the epoch in force; number 0 and version -1 where there never was a controller.
func (s *Store) ControllerEpoch(ctx context.Context) (Epoch, error) {
	node, err := s.coord.Get(ctx, ControllerEpochPath)
	if errors.Is(err, coord.ErrNoNode) {
		return Epoch{Number: 0, Version: -1}, nil
	}
	if err != nil {
		return Epoch{}, err
	}
	n, err := strconv.ParseInt(string(node.Data), 10, 32)
	if err != nil {
		return Epoch{}, corrupt(ControllerEpochPath, "not a number")
	}
	return Epoch{Number: int32(n), Version: node.Stat.Version}, nil
}

// Elect makes this node controller: creates /controller with the session and raises /controller_epoch by one, both or neither.
// coord.ErrNodeExists where there is a controller, coord.ErrBadVersion where another election came between.
func (s *Store) Elect(ctx context.Context, session coord.Session, as ElectedController, nowMs int64) (Epoch, error) {
	epoch, err := s.ControllerEpoch(ctx)
	if err != nil {
		return Epoch{}, err
	}
	body := controllerJSON{Version: 2, BrokerID: as.BrokerID, Timestamp: flexibleInt(nowMs), KRaftEpoch: -1}
	if as.Directory != "" {
		body.Milena = &controllerMark{Directory: as.Directory, Endpoint: as.Endpoint}
	}
	next := Epoch{Number: epoch.Number + 1, Version: epoch.Version + 1}
	number := []byte(strconv.Itoa(int(next.Number)))
	var raise coord.Op = coord.Set{Path: ControllerEpochPath, Data: number, Version: epoch.Version}
	if epoch.Version < 0 {
		raise = coord.Create{Path: ControllerEpochPath, Data: number}
	}
	_, err = s.coord.Multi(ctx, coord.Create{Path: ControllerPath, Data: encode(body), Session: session}, raise)
	if err == nil {
		return next, nil
	}
	if errors.Is(err, coord.ErrNodeExists) {
		// This session may hold the office without knowing (an answer was lost), or hold what is left of a reign that was fenced: it begins anew.
		holder, readErr := s.Controller(ctx)
		if readErr == nil && holder.Session == session.ID() && s.RemoveController(ctx, holder) == nil {
			return s.Elect(ctx, session, as, nowMs)
		}
	}
	return Epoch{}, err
}
