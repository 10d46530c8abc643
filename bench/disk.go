package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// disk measures what a broker could sync at most: as many files as there are partitions, each written and synced again and again by what one sync
// can take along where all that the producers may have under way waits for it. It stands beside the rates of the crowd case as their floor.
func disk(t target, r results, s scale, _ int) error {
	for _, c := range crowdCases(s) {
		perSync := c.producers * crowdInFlight * c.batchBytes / partitions
		syncs := max(1, int(c.bytes/partitions)/perSync)
		settle()
		if err := touch(c.bytes); err != nil {
			return err
		}
		begin := time.Now()
		var group errgroup.Group
		for i := range partitions {
			group.Go(func() error {
				return writeSynced(filepath.Join(t.dataDir(), fmt.Sprintf("%s-%d", c.key, i)), make([]byte, perSync), syncs)
			})
		}
		if err := group.Wait(); err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		r.add(t.name(), c.key+"-rate", float64(partitions*perSync*syncs)/time.Since(begin).Seconds()/1e6)
	}
	return nil
}

// writeSynced appends b to a new file and syncs it, as often as times says.
func writeSynced(name string, b []byte, times int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for range times {
		if _, err = f.Write(b); err == nil {
			err = f.Sync()
		}
		if err != nil {
			break
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
