package clusterstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"milena/internal/coord"
)

// Entity is what configuration is kept for: a path below /config, "topics/T", "brokers/1", "brokers/<default>", "users/U/clients/C".
type Entity string

// DefaultEntity is the name under which defaults of a type are kept.
const DefaultEntity = "<default>"

// TopicEntity, BrokerEntity name the common ones; the empty broker is the default of all.
func TopicEntity(topic string) Entity { return Entity("topics/" + topic) }
func BrokerEntity(id string) Entity {
	if id == "" {
		id = DefaultEntity
	}
	return Entity("brokers/" + id)
}

// Split gives the type and the name: "topics" and "T".
func (e Entity) Split() (kind, name string) {
	kind, name, _ = strings.Cut(string(e), "/")
	return kind, name
}

// ConfigPath is an entity's node.
func ConfigPath(e Entity) string { return configPath + "/" + string(e) }

// SanitizeEntity writes a user or client id so that it can be one element of a path, as Kafka's Sanitizer does.
func SanitizeEntity(name string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(name))
}

// /config/TYPE/NAME: {"version":1,"config":{"retention.ms":"100000"}}
type configJSON struct {
	Version int               `json:"version"`
	Config  map[string]string `json:"config"`
}

func encodeConfig(config map[string]string) []byte {
	if config == nil {
		config = map[string]string{}
	}
	return encode(configJSON{Version: 1, Config: config})
}

func decodeConfig(path string, data []byte) (map[string]string, error) {
	if len(data) == 0 {
		return map[string]string{}, nil
	}
	var j configJSON
	if err := decode(path, data, &j); err != nil {
		return nil, err
	}
	if j.Config == nil {
		j.Config = map[string]string{}
	}
	return j.Config, nil
}

// Config reads an entity's configuration; empty where it has none.
func (s *Store) Config(ctx context.Context, e Entity) (map[string]string, error) {
	node, err := s.coord.Get(ctx, ConfigPath(e))
	if errors.Is(err, coord.ErrNoNode) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeConfig(ConfigPath(e), node.Data)
}

// Configs reads all entities of a type ("topics", "brokers") by name. Bodies that cannot be understood are errors.
func (s *Store) Configs(ctx context.Context, kind string) (map[string]map[string]string, error) {
	children, err := s.coord.List(ctx, configPath+"/"+kind)
	if errors.Is(err, coord.ErrNoNode) {
		return map[string]map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	configs := make(map[string]map[string]string, len(children))
	for _, c := range children {
		if configs[c.Name], err = decodeConfig(configPath+"/"+kind+"/"+c.Name, c.Data); err != nil {
			return nil, err
		}
	}
	return configs, nil
}

// configOp is the operation that puts a configuration in force, whether the entity has a node yet or not.
func (s *Store) configOp(ctx context.Context, e Entity, config map[string]string) (coord.Op, error) {
	there, err := s.exists(ctx, ConfigPath(e))
	if err != nil {
		return nil, err
	}
	if there {
		return coord.Set{Path: ConfigPath(e), Data: encodeConfig(config), Version: coord.AnyVersion}, nil
	}
	return coord.Create{Path: ConfigPath(e), Data: encodeConfig(config)}, nil
}

// ChangeConfig applies change to an entity's configuration by compare-and-set and notifies all brokers in the same Multi. change may be
// called more than once; its error ends the matter.
func (s *Store) ChangeConfig(ctx context.Context, e Entity, change func(map[string]string) (map[string]string, error)) error {
	path := ConfigPath(e)
	for {
		node, err := s.coord.Get(ctx, path)
		missing := errors.Is(err, coord.ErrNoNode)
		if err != nil && !missing {
			return err
		}
		old, err := decodeConfig(path, node.Data)
		if err != nil {
			return err
		}
		config, err := change(old)
		if err != nil {
			return err
		}
		var op coord.Op = coord.Set{Path: path, Data: encodeConfig(config), Version: node.Stat.Version}
		if missing {
			op = coord.Create{Path: path, Data: encodeConfig(config)}
		}
		_, err = s.coord.Multi(ctx, op, coord.Create{Path: configChangePrefix, Data: encodeChange(e), Sequential: true})
		if errors.Is(err, coord.ErrBadVersion) || errors.Is(err, coord.ErrNodeExists) || (errors.Is(err, coord.ErrNoNode) && !missing) {
			continue
		}
		if errors.Is(err, coord.ErrNoNode) {
			// The clients of a user have a node above them that nobody made yet.
			if made, failed := s.makeParents(ctx, path, configChangePrefix); failed != nil {
				err = failed
			} else if made {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("clusterstore: writing %s: %w", path, err)
		}
		return nil
	}
}

// makeParents makes the nodes above these paths that are missing; it tells whether there were any.
func (s *Store) makeParents(ctx context.Context, paths ...string) (made bool, err error) {
	for _, path := range paths {
		for end := 1; end < len(path); end++ {
			if path[end] != '/' {
				continue
			}
			there, err := s.exists(ctx, path[:end])
			if err != nil {
				return made, err
			}
			if there {
				continue
			}
			if _, err := s.coord.Create(ctx, coord.Create{Path: path[:end]}); err != nil && !errors.Is(err, coord.ErrNodeExists) {
				return made, err
			}
			made = true
		}
	}
	return made, nil
}

// /config/changes/config_change_NNNNNNNNNN, version 2: {"version":2,"entity_path":"topics/T"}
// version 1: {"version":1,"entity_type":"topics","entity_name":"T"}
type changeJSON struct {
	Version    int    `json:"version"`
	EntityPath string `json:"entity_path,omitempty"`
	EntityType string `json:"entity_type,omitempty"`
	EntityName string `json:"entity_name,omitempty"`
}

func encodeChange(e Entity) []byte { return encode(changeJSON{Version: 2, EntityPath: string(e)}) }

func decodeChange(path string, data []byte) (Entity, error) {
	var j changeJSON
	if err := decode(path, data, &j); err != nil {
		return "", err
	}
	switch {
	case j.Version == 2 && j.EntityPath != "":
		return Entity(j.EntityPath), nil
	case j.Version == 1 && j.EntityType != "" && j.EntityName != "":
		return Entity(j.EntityType + "/" + j.EntityName), nil
	}
	return "", corrupt(path, "version "+strconv.Itoa(j.Version)+" without an entity")
}

// ConfigChange is one notification.
type ConfigChange struct {
	Sequence int64
	Entity   Entity // "" where the body is not understood
	name     string
}

// ConfigChanges reads the notifications that stand, oldest first.
func (s *Store) ConfigChanges(ctx context.Context) ([]ConfigChange, error) {
	children, err := s.coord.List(ctx, ConfigChangesPath)
	if err != nil {
		return nil, err
	}
	var changes []ConfigChange
	for _, c := range children {
		sequence, err := strconv.ParseInt(strings.TrimPrefix(c.Name, "config_change_"), 10, 64)
		if err != nil {
			continue
		}
		entity, _ := decodeChange(ConfigChangesPath+"/"+c.Name, c.Data)
		changes = append(changes, ConfigChange{Sequence: sequence, Entity: entity, name: c.Name})
	}
	return changes, nil
}

// RemoveConfigChange purges a notification that all brokers have had time to read.
func (s *Store) RemoveConfigChange(ctx context.Context, c ConfigChange) error {
	err := s.coord.Delete(ctx, ConfigChangesPath+"/"+c.name, coord.AnyVersion)
	if errors.Is(err, coord.ErrNoNode) {
		return nil
	}
	return err
}
