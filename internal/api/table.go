package api

import (
	"log/slog"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/metadata"
	"milena/internal/replica"
)

// Services is what the handlers call: the rooms below, joined by broker.
type Services struct {
	Config   *config.Live
	Metadata *metadata.Cache
	Replicas *replica.Replicas
	Store    *clusterstore.Store
	Logger   *slog.Logger
}

// Table lists every API key that this broker serves, by number.
func (s *Services) Table() []Row {
	return []Row{}
}
