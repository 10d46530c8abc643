package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"milena/internal/config"
)

// metadataVersions are Kafka's metadata versions that format takes, from level 7 on.
const metadataVersions = "3.3-IV3 3.4-IV0 3.5-IV0 3.5-IV1 3.5-IV2 3.6-IV0 3.6-IV1 3.6-IV2 3.7-IV0 3.7-IV1 3.7-IV2 3.7-IV3 3.7-IV4 3.8-IV0 3.9-IV0 " +
	"4.0-IV0 4.0-IV1 4.0-IV2 4.0-IV3 4.1-IV0 4.1-IV1 4.2-IV0 4.2-IV1 4.3-IV0"

const firstMetadataLevel = 7

// metadataVersion is the version that the format announces: of --release-version ("4.0" is its last one), of --feature
// metadata.version=LEVEL, else the newest.
func (o *storageOptions) metadataVersion() (string, error) {
	versions := strings.Fields(metadataVersions)
	version := versions[len(versions)-1]
	if o.release != "" {
		i := slices.Index(versions, o.release)
		for j, v := range versions {
			if strings.HasPrefix(v, o.release+"-") {
				i = j
			}
		}
		if i < 0 {
			return "", Exitf(1, "Unknown metadata.version '%s'. Supported metadata.version are: %s", o.release, strings.Join(versions, ", "))
		}
		version = versions[i]
	}
	const features = "eligible.leader.replicas.version, group.version, kraft.version, share.version, streams.version, transaction.version"
	for _, f := range o.features {
		name, level, ok := strings.Cut(f, "=")
		if !ok {
			return "", Exitf(1, "Can't parse feature=level string %s: equals sign not found.", f)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(level), 10, 16)
		if err != nil {
			return "", Exitf(1, "Can't parse feature=level string %s: unable to parse %s as a short.", f, level)
		}
		switch name = strings.TrimSpace(name); {
		case name == "metadata.version" && o.release != "":
			return "", Exitf(1, "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.")
		case name == "metadata.version":
			i := int(n) - firstMetadataLevel
			if i < 0 || i >= len(versions) {
				return "", Exitf(1, "No feature:metadata.version with feature level %d", n)
			}
			version = versions[i]
		case !slices.Contains(strings.Split(features, ", "), name):
			return "", Exitf(1, "Unsupported feature: %s. Supported features are: %s", name, features)
		}
	}
	return version, nil
}

// format writes meta.properties into every directory that has none.
func (o *storageOptions) format(env *Env, cfg *config.Broker) error {
	version, err := o.metadataVersion()
	if err != nil {
		return err
	}
	kind, err := o.quorum(cfg)
	if err != nil {
		return err
	}
	if len(o.scram) > 0 {
		return Exitf(1, "--add-scram: this release has no SASL/SCRAM; format without it")
	}
	var todo []string
	for _, dir := range storageDirs(cfg) {
		meta, problem := readMeta(dir)
		switch {
		case meta == nil && (problem == dir+" does not exist" || problem == unformatted(dir)):
			todo = append(todo, dir)
		case meta == nil:
			return Exitf(1, "%s", problem)
		case meta["cluster.id"] != "" && meta["cluster.id"] != o.clusterID:
			return Exitf(1, "Invalid cluster.id in: %s. Expected %s, but read %s", filepath.Join(dir, "meta.properties"), o.clusterID, meta["cluster.id"])
		case nodeID(meta) != "" && nodeID(meta) != fmt.Sprint(cfg.BrokerID):
			return Exitf(1, "Stored node id %s doesn't match previous node id %d in %s. If you moved your data, make sure your configured node id "+
				"matches. If you intend to create a new node, you should remove all data in your data directories.",
				nodeID(meta), cfg.BrokerID, filepath.Join(dir, "meta.properties"))
		case !o.ignoreFormatted:
			return Exitf(1, "Log directory %s is already formatted. Use --ignore-formatted to ignore this directory and format the others.", dir)
		}
	}
	if len(todo) == 0 {
		env.println("All of the log directories are already formatted.")
		return nil
	}
	metadataDir := cfg.Values.Static["metadata.log.dir"]
	if metadataDir == "" {
		metadataDir = cfg.LogDirs[0]
	}
	// Kafka formats the metadata directory last.
	slices.SortStableFunc(todo, func(a, b string) int { return boolInt(a == metadataDir) - boolInt(b == metadataDir) })
	for _, dir := range todo {
		what := "data directory"
		if dir == metadataDir {
			what = kind
		}
		env.printf("Formatting %s %s with metadata.version %s.\n", what, dir, version)
		if err := writeMeta(dir, o.clusterID, cfg.BrokerID); err != nil {
			return Exitf(1, "Error while writing meta.properties file %s: %v", dir, err)
		}
	}
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// quorum checks how the quorum is to begin, as Kafka does, and gives the metadata directory's name in the announcement.
func (o *storageOptions) quorum(cfg *config.Broker) (kind string, err error) {
	voters := cfg.Values.Static["controller.quorum.voters"] != ""
	switch {
	case voters && (o.standalone || o.initialControllers != ""):
		return "", Exitf(1, "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. "+
			"If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.")
	case o.standalone:
		return "dynamic metadata voter directory", nil
	case slices.Contains(o.seen, "--initial-controllers"):
		return "dynamic metadata voter directory", checkInitialControllers(o.initialControllers)
	case cfg.KRaft && !voters && !o.noInitial && strings.Contains(cfg.Values.Static["process.roles"], "controller"):
		return "", Exitf(1, "Because controller.quorum.voters is not set on this controller, you must specify one of the following: "+
			"--standalone, --initial-controllers, or --no-initial-controllers.")
	}
	return "metadata directory", nil
}

// checkInitialControllers reads id@host:port:directory,…; one is what this release can run.
func checkInitialControllers(text string) error {
	list := strings.Split(text, ",")
	for _, voter := range list {
		id, rest, ok := strings.Cut(voter, "@")
		if !ok {
			return Exitf(1, "No @ found in dynamic voter string.")
		}
		if _, err := strconv.ParseUint(id, 10, 31); err != nil {
			return Exitf(1, "Failed to parse node id in dynamic voter string.")
		}
		if strings.Count(rest, ":") < 2 {
			return Exitf(1, "No colon following port could be found.")
		}
	}
	if len(list) > 1 {
		return Exitf(1, "--initial-controllers: %d controllers are named; the members of a quorum must know each other in every start: "+
			"name them in controller.quorum.voters, and format without this option", len(list))
	}
	return nil
}

// readMeta reads a directory's meta.properties. meta is nil where there is none; problem says what Kafka's info would.
func readMeta(dir string) (meta map[string]string, problem string) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, dir + " does not exist"
	case err != nil:
		return nil, err.Error()
	case !info.IsDir():
		return nil, dir + " is not a directory"
	}
	raw, err := os.ReadFile(filepath.Join(dir, "meta.properties"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unformatted(dir)
	}
	if err != nil {
		return nil, err.Error()
	}
	meta, err = config.ParseProperties(raw)
	if err != nil {
		return nil, fmt.Sprintf("%s/meta.properties: %v", dir, err)
	}
	return meta, ""
}

// writeMeta writes meta.properties as Kafka's format does, under its final name only when it is whole and on disk.
func writeMeta(dir, clusterID string, nodeID int32) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	escaped := strings.NewReplacer(`\`, `\\`, "=", `\=`, ":", `\:`, "#", `\#`, "!", `\!`).Replace(clusterID)
	text := fmt.Sprintf("#\n#%s\nnode.id=%d\ndirectory.id=%s\nversion=1\ncluster.id=%s\n",
		time.Now().UTC().Format("Mon Jan 02 15:04:05 MST 2006"), nodeID, randomUUID(), escaped)
	name := filepath.Join(dir, "meta.properties")
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}
