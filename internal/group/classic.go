package group

import "milena/internal/coordinator"

func (m *machine) replayClassic(r *coordinator.Replayed) error { panic("unwritten") }

func (m *machine) classicLoaded() {}
