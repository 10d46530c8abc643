package commitlog

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"

	"milena/internal/segment"
)

// listing is what a log's directory holds, read once when it is opened.
type listing struct {
	files     map[fileKey]fs.DirEntry
	hasEpochs bool
	deleted   []string // names of what is on its way out
	swaps     []fileKey
	cleaned   []string // names of what the cleaner had not finished
	minClean  int64    // the lowest base offset of those
}

type fileKey struct {
	base int64
	kind segment.Kind
}

// list reads the directory, made where it is missing.
func (l *Log) list() (*listing, error) {
	dir := l.dir.Path()
	names, err := l.env.FS.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		l.named++
		l.parentDirty = true
		return &listing{}, l.env.FS.MkdirAll(dir)
	}
	if err != nil {
		return nil, err
	}
	d := &listing{files: make(map[fileKey]fs.DirEntry, len(names)), minClean: math.MaxInt64}
	for _, e := range names {
		if e.Name() == epochFile {
			d.hasEpochs = true
			continue
		}
		base, kind, suffix, ok := segment.ParseFileName(e.Name())
		if !ok {
			continue
		}
		switch {
		case suffix == "":
			d.files[fileKey{base, kind}] = e
		case strings.HasSuffix(suffix, segment.DeletedSuffix):
			d.deleted = append(d.deleted, e.Name())
		case suffix == segment.CleanedSuffix:
			d.cleaned = append(d.cleaned, e.Name())
			d.minClean = min(d.minClean, base)
		case suffix == segment.SwapSuffix:
			d.swaps = append(d.swaps, fileKey{base, kind})
		}
	}
	return d, nil
}

// bases lists the offsets that name the files of a kind, rising.
func (d *listing) bases(kind segment.Kind) []int64 {
	var list []int64
	for key := range d.files {
		if key.kind == kind {
			list = append(list, key.base)
		}
	}
	slices.Sort(list)
	return list
}

// tidy finishes what a stop interrupted: files on their way out are removed, complete replacements take their place, indexes
// without records go.
func (l *Log) tidy(d *listing) error {
	if err := l.removeAll(d.deleted); err != nil {
		return err
	}
	if err := l.dropUnfinished(d); err != nil {
		return err
	}
	if len(d.swaps) > 0 {
		if err := l.finishSwaps(d); err != nil {
			return err
		}
		again, err := l.list()
		if err != nil {
			return err
		}
		*d = *again
	}
	var orphans []string
	for key := range d.files {
		if key.kind == segment.Log || key.kind == segment.Snapshot {
			continue
		}
		if _, ok := d.files[fileKey{key.base, segment.Log}]; !ok {
			orphans = append(orphans, segment.FileName(key.base, key.kind))
			delete(d.files, key)
		}
	}
	return l.removeAll(orphans)
}

// removeAll removes files of the directory.
func (l *Log) removeAll(names []string) error {
	for _, name := range names {
		if err := l.env.FS.Remove(l.dir.Path() + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// dropUnfinished removes what the cleaner had not finished: ".cleaned" files, and ".swap" files at or above them, which are not all there
// yet. The latter go first, and durably: without the others they would count as complete.
func (l *Log) dropUnfinished(d *listing) error {
	var unfinished []string
	d.swaps = slices.DeleteFunc(d.swaps, func(key fileKey) bool {
		if key.base < d.minClean {
			return false
		}
		unfinished = append(unfinished, segment.FileName(key.base, key.kind)+segment.SwapSuffix)
		return true
	})
	if len(unfinished) > 0 {
		if err := l.removeAll(unfinished); err != nil {
			return err
		}
		if err := l.env.FS.SyncDir(l.dir.Path()); err != nil {
			return err
		}
	}
	return l.removeAll(d.cleaned)
}

// finishSwaps completes an interrupted replacement: the segments whose offsets it covers go, durably, before it takes their names.
func (l *Log) finishSwaps(d *listing) error {
	dir := l.dir.Path()
	var covered []string
	for _, key := range d.swaps {
		if key.kind != segment.Log {
			continue
		}
		end, err := l.swapEnd(key.base)
		if err != nil {
			return err
		}
		for old := range d.files {
			if old.kind != segment.Snapshot && (old.base == key.base || old.base > key.base && old.base < end) {
				covered = append(covered, segment.FileName(old.base, old.kind))
			}
		}
	}
	if err := l.removeAll(covered); err != nil {
		return err
	}
	if err := l.env.FS.SyncDir(dir); err != nil {
		return err
	}
	for _, key := range d.swaps {
		name := dir + "/" + segment.FileName(key.base, key.kind)
		if err := l.env.FS.Rename(name+segment.SwapSuffix, name); err != nil {
			return err
		}
	}
	return l.env.FS.SyncDir(dir)
}
