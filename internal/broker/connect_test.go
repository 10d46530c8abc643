package broker

import (
	"errors"
	"log/slog"
	"testing"

	"milena/internal/config"
)

// A broker that nobody was told of has no way in: nothing is dialled.
func TestConnectStoreWithoutListener(t *testing.T) {
	cfg, _, err := config.FromStatic(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ConnectStore(t.Context(), cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrNoWayIn) {
		t.Error(err)
	}
}
