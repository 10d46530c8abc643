#!/usr/bin/env bash
# Does what the README tells a reader to do, word for word, with a broker that it starts and stops.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
# The commands of a fenced block, by the heading above it.
block() { awk -v heading="$1" -v want="$2" '
  $0 == heading { inside = 1; next }  inside && /^## / { exit }
  inside && /^```sh/ { n++; code = 1; next }  /^```/ { code = 0 }
  inside && code && n == want' README.md; }
rm -rf milena-data
bash -c "exec $(block '## Two commands' 1)" > "$work/server.log" 2>&1 &
server=$!
for _ in $(seq 600); do
  (exec 3<>/dev/tcp/127.0.0.1/9092) 2>/dev/null && break
  kill -0 "$server" || { cat "$work/server.log"; exit 1; }
  sleep 0.2
done
block '## Try it' 1 > "$work/try.sh"
bash -euo pipefail "$work/try.sh" | tee "$work/out"
grep -qx hello "$work/out"
# go run passes no signals on: the broker itself is its child.
kill -INT "$(pgrep -P "$server")"
wait "$server" || { cat "$work/server.log"; exit 1; }
rm -rf milena-data
echo "the README's commands work"
