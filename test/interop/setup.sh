#!/usr/bin/env bash
# Installs the clients of the interop suite: into test/interop/.clients, and kcat from Debian. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p .clients
command -v kcat >/dev/null || { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq kcat >/dev/null; }
[ -x .clients/venv/bin/python ] || python3 -m venv .clients/venv
.clients/venv/bin/pip install -q --disable-pip-version-check -r python/requirements.txt
(cd node && npm ci --silent --no-audit --no-fund)
(cd goclients && CGO_ENABLED=0 go build -o ../.clients/goclients .)
for v in 4.3.1 3.9.2 2.4.1; do
  classes=.clients/java-$v
  jars=$(cd ../.. && go run ./test/kafka/fetch $v)
  mkdir -p "$classes"
  javac -nowarn -d "$classes" -cp "$jars" java/Client.java
done
