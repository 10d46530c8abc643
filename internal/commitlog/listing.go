package commitlog

import (
	"errors"
	"io/fs"
	"slices"

	"milena/internal/segment"
)

// listing is what a log's directory holds, read once when it is opened.
type listing struct {
	files     map[fileKey]fs.DirEntry
	hasEpochs bool
	deleted   []string // names to remove
	swaps     []fileKey
	cleaned   bool  // the cleaner was at work
	minClean  int64 // lowest base offset of what it had not finished
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
		l.namesDirty, l.parentDirty = true, true
		return &listing{}, l.env.FS.MkdirAll(dir)
	}
	if err != nil {
		return nil, err
	}
	d := &listing{files: make(map[fileKey]fs.DirEntry, len(names))}
	for _, e := range names {
		if e.Name() == epochFile {
			d.hasEpochs = true
			continue
		}
		base, kind, suffix, ok := segment.ParseFileName(e.Name())
		if !ok {
			continue
		}
		switch suffix {
		case "":
			d.files[fileKey{base, kind}] = e
		case segment.DeletedSuffix:
			d.deleted = append(d.deleted, e.Name())
		case segment.CleanedSuffix:
			d.deleted = append(d.deleted, e.Name())
			if !d.cleaned || base < d.minClean {
				d.cleaned, d.minClean = true, base
			}
		case segment.SwapSuffix:
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
	dir := l.dir.Path()
	for _, name := range d.deleted {
		if err := l.env.FS.Remove(dir + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
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
	for key := range d.files {
		if key.kind == segment.Log || key.kind == segment.Snapshot {
			continue
		}
		if _, ok := d.files[fileKey{key.base, segment.Log}]; ok {
			continue
		}
		if err := l.env.FS.Remove(dir + "/" + segment.FileName(key.base, key.kind)); err != nil {
			return err
		}
		delete(d.files, key)
	}
	return nil
}

// finishSwaps completes an interrupted replacement of segments. Replacements that the cleaner had not finished all of (a ".cleaned"
// at or below them) are dropped; the others push out the segments whose offsets they cover and take their names.
func (l *Log) finishSwaps(d *listing) error {
	dir := l.dir.Path()
	for _, key := range d.swaps {
		name := dir + "/" + segment.FileName(key.base, key.kind)
		if d.cleaned && key.base >= d.minClean {
			if err := l.env.FS.Remove(name + segment.SwapSuffix); err != nil {
				return err
			}
			continue
		}
		if key.kind != segment.Log {
			continue
		}
		if err := l.dropCovered(d, key.base); err != nil {
			return err
		}
	}
	for _, key := range d.swaps {
		if d.cleaned && key.base >= d.minClean {
			continue
		}
		name := dir + "/" + segment.FileName(key.base, key.kind)
		if err := l.env.FS.Rename(name+segment.SwapSuffix, name); err != nil {
			return err
		}
	}
	return l.env.FS.SyncDir(dir)
}

// dropCovered removes the old segments whose base offsets a replacement's offsets cover.
func (l *Log) dropCovered(d *listing, base int64) error {
	end, err := l.swapEnd(base)
	if err != nil {
		return err
	}
	for key := range d.files {
		if key.kind == segment.Snapshot || key.base < base || (key.base >= end && key.base != base) {
			continue
		}
		if err := l.env.FS.Remove(l.dir.Path() + "/" + segment.FileName(key.base, key.kind)); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
