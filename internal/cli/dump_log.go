package cli

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"milena/internal/vfs"
)

const dumpLogExamples = `
milena dump-log --files milena-data/greetings-0/00000000000000000000.log --print-data-log
milena dump-log --files milena-data/greetings-0/00000000000000000000.index --verify-index-only`

const dumpLogPurpose = "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment."

const stringDecoder = toolPackage + "api.StringDecoder"

func dumpLogOptions() *Options {
	flag := func(name, help string) Option { return Option{Name: name, Help: help} }
	decoder := func(name, what string) Option {
		return Option{Name: name, Arg: "class", Optional: true, Default: stringDecoder, Help: "Kafka loads a Java class to print " + what +
			". Here " + stringDecoder + " and its kin for Integer and Long are built in, and no other class can be loaded."}
	}
	return NewOptions(
		flag("cluster-metadata-decoder", "Kafka's records of its metadata log; not supported, as there is no such log here."),
		flag("deep-iteration", "Show each record, not only batches. On with --print-data-log."),
		Option{Name: "files", Arg: "file1, file2, ...", Required: true, Help: "Comma-separated files: .log, .index, .timeindex, .txnindex, " +
			".snapshot and leader-epoch-checkpoint."},
		flag("index-sanity-check", "Only make the check of an index that decides at start whether it is rebuilt."),
		decoder("key-decoder-class", "keys"),
		Option{Name: "max-bytes", Arg: "size", Kind: Int, Default: strconv.Itoa(math.MaxInt32), Help: "Read so many bytes of a .log file at most."},
		Option{Name: "max-message-size", Arg: "size", Kind: Int, Default: "5242880", Help: "Size of the largest batch."},
		flag("offsets-decoder", "Show records as those of __consumer_offsets."),
		flag("print-data-log", "Show keys and values. On with any decoder."),
		flag("remote-log-metadata-decoder", "Kafka's records on tiered storage; not supported."),
		flag("share-group-state-decoder", "Kafka's records of __share_group_state; not supported."),
		flag("skip-record-metadata", "Show only keys and values of records."),
		flag("transaction-log-decoder", "Show records as those of __transaction_state."),
		decoder("value-decoder-class", "values"),
		flag("verify-index-only", "Verify an index without showing its entries."),
	)
}

// dump is one run of the tool.
type dump struct {
	fs                                  vfs.FS
	out                                 *bufio.Writer
	parse                               recordParser
	deep, contents, skipMetadata        bool
	verifyOnly, sanityOnly              bool
	maxBytes, maxMessageSize            int64
	mismatches, timeMismatches          findings
	timeOrder, notFound, nonConsecutive findings
}

// findings are pairs of numbers by file, in the order in which they were found; they are told on standard error at the end.
type findings struct {
	files []string
	pairs map[string][][2]int64
}

func (f *findings) add(file string, a, b int64) {
	if f.pairs == nil {
		f.pairs = map[string][][2]int64{}
	}
	if f.pairs[file] == nil {
		f.files = append(f.files, file)
	}
	f.pairs[file] = append(f.pairs[file], [2]int64{a, b})
}

func (f *findings) tell(env *Env, title, line string) {
	for _, file := range f.files {
		env.errorf(title, file)
		for _, p := range f.pairs[file] {
			env.errorf(line, p[0], p[1])
		}
	}
}

// javaException ends the tool as an uncaught Java exception does, but for the stack trace.
func javaException(class, message string) error {
	return Exitf(1, "Exception in thread \"main\" %s: %s", class, message)
}

func runDumpLog(_ context.Context, env *Env, args []string) error {
	v, err := env.Parse(args)
	if err != nil {
		return err
	}
	if err := v.HelpFirst(dumpLogPurpose); err != nil {
		return err
	}
	if err := v.Require("files"); err != nil {
		return err
	}
	d := &dump{
		fs: vfs.OS{}, out: env.Buffered(),
		skipMetadata: v.Has("skip-record-metadata"),
		verifyOnly:   v.Has("verify-index-only"), sanityOnly: v.Has("index-sanity-check"),
		maxBytes: v.Int("max-bytes"), maxMessageSize: v.Int("max-message-size"),
	}
	if d.parse, err = dumpParser(v); err != nil {
		return err
	}
	for _, name := range []string{"print-data-log", "offsets-decoder", "transaction-log-decoder", "value-decoder-class", "key-decoder-class"} {
		d.contents = d.contents || v.Has(name)
	}
	d.deep = v.Has("deep-iteration") || d.contents
	for _, name := range strings.Split(strings.TrimRight(v.Value("files"), ","), ",") {
		if err := d.file(env, javaPath(name)); err != nil {
			d.out.Flush()
			return err
		}
	}
	if err := d.out.Flush(); err != nil {
		return err
	}
	d.mismatches.tell(env, "Mismatches in :%s\n", "  Index offset: %d, log offset: %d\n")
	d.timeMismatches.tell(env, "Found timestamp mismatch in :%s\n", "  Index timestamp: %d, log timestamp: %d\n")
	d.timeOrder.tell(env, "Found out of order timestamp in :%s\n", "  Index timestamp: %d, Previously indexed timestamp: %d\n")
	d.notFound.tell(env, "The following indexed offsets are not found in the log.\n%.0s", "Indexed offset: %d, found log offset: %d\n")
	d.nonConsecutive.tell(env, "Non-consecutive offsets in %s\n", "  %d is followed by %d\n")
	return nil
}

func (d *dump) file(env *Env, name string) error {
	d.print("Dumping ", name, "\n")
	base := path.Base(name)
	dot := strings.LastIndexByte(base, '.')
	var err error
	switch suffix := base[max(dot, 0):]; suffix {
	case ".log", ".checkpoint":
		err = d.log(name)
	case ".index":
		err = d.offsetIndex(name)
	case ".timeindex":
		err = d.timeIndex(name)
	case ".txnindex":
		err = d.txnIndex(name)
	case ".snapshot":
		err = d.producerSnapshot(env, name)
	case "leader-epoch-checkpoint":
		err = d.leaderEpochs(name)
	default:
		d.out.Flush()
		env.errorf("Ignoring unknown file %s\n", name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		var missing *fs.PathError
		if errors.As(err, &missing) {
			name = missing.Path
		}
		return javaException("java.nio.file.NoSuchFileException", name)
	}
	return err
}

// print writes words and numbers as they come.
func (d *dump) print(args ...any) {
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			d.out.WriteString(v)
		case int64:
			d.out.Write(strconv.AppendInt(d.out.AvailableBuffer(), v, 10))
		case int:
			d.out.Write(strconv.AppendInt(d.out.AvailableBuffer(), int64(v), 10))
		case int32:
			d.out.Write(strconv.AppendInt(d.out.AvailableBuffer(), int64(v), 10))
		case int16:
			d.out.Write(strconv.AppendInt(d.out.AvailableBuffer(), int64(v), 10))
		case uint32:
			d.out.Write(strconv.AppendUint(d.out.AvailableBuffer(), uint64(v), 10))
		case bool:
			d.out.Write(strconv.AppendBool(d.out.AvailableBuffer(), v))
		default:
			panic("cli: print of another type")
		}
	}
}

// javaPath is the path as Java's File shows it: without double slashes and without one at the end.
func javaPath(name string) string {
	for strings.Contains(name, "//") {
		name = strings.ReplaceAll(name, "//", "/")
	}
	if len(name) > 1 {
		name = strings.TrimSuffix(name, "/")
	}
	return name
}

func absolute(name string) string {
	if path.IsAbs(name) {
		return name
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return name
	}
	return filepath.ToSlash(dir) + "/" + name
}

// startOffset reads the offset out of a segment file's name.
func startOffset(name string) (int64, error) {
	first, _, _ := strings.Cut(path.Base(name), ".")
	offset, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, javaException("java.lang.NumberFormatException", "For input string: \""+first+"\"")
	}
	return offset, nil
}

// sibling is the file of the same segment with another suffix, by its absolute path.
func sibling(name, suffix string) string {
	first, _, _ := strings.Cut(path.Base(name), ".")
	return path.Dir(absolute(name)) + "/" + first + suffix
}

// readFile reads a small file.
func (d *dump) readFile(name string) ([]byte, error) {
	f, err := d.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if n == len(b) {
		err = nil
	}
	return b[:n], err
}
