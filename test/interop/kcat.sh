#!/usr/bin/env bash
# kcat in the words of the interop suite; see README.md. It cannot set timestamps and creates no topics, so the Go client helps with those.
set -euo pipefail
if [ "$1" = codecs ]; then echo none gzip snappy lz4 zstd; exit; fi
address=$1 word=$2 topic=$3
case $word in
  create) .clients/goclients franz-go "$address" create "$topic" ;;
  produce) .clients/goclients franz-go "$address" produce "$topic" "$4" "$5" "$6" ;;
  consume)
    start=$4 end=()
    case $start in time:*) start="s@${start#time:}" ;; esac
    kcat -b "$address" -C -t "$topic" -p 0 -o "$start" -c "$5" -q "${end[@]}" -f '%o\t%T\t%k\t%s\t%h\n' ;;
  member) # GROUP MODE NAME; it says nothing of its commits
    exec kcat -b "$address" -G "$4" -E -u -q -f 'read %p %o\n' -X client.id="$6" -X auto.offset.reset=earliest -X auto.commit.interval.ms=100 \
      -X session.timeout.ms=6000 -X heartbeat.interval.ms=500 "$topic" ;;
  write) # CODEC FIRST COUNT: with keys, at the time of sending
    seq "$5" $(($5 + $6 - 1)) | sed 's/.*/key-&\tvalue-&/' | kcat -b "$address" -P -t "$topic" -p 0 -K '\t' -H n=kcat -z "$4" -X acks=all ;;
  errors)
    said=$(head -c 2000000 /dev/zero | tr '\0' x | kcat -b "$address" -P -t "$topic" -p 0 -X message.max.bytes=10000000 -X message.timeout.ms=5000 2>&1) || true
    case $said in *'size too large'*) echo too-large ;; esac
    # librdkafka waits for an unknown topic to appear until the message times out.
    said=$(echo x | kcat -b "$address" -P -t no-such-topic -X message.timeout.ms=3000 2>&1) || true
    case $said in *'nknown topic'* | *'timed out'*) echo unknown-topic ;; esac
    said=$(kcat -b "$address" -C -t "$topic" -p 0 -o 1000000 -X auto.offset.reset=error -e -m 10 2>&1) || true
    case $said in *'Offset out of range'*) echo bad-offset ;; esac
    ;;
esac
