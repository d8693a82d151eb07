#!/usr/bin/env bash
# Starts moto's S3 server, from the Debian sid root: moto-up.sh DIR [PORT=7481]
# Only environment lines go to standard output. It keeps everything in memory, checks no signature,
# and is close to AWS in its errors and conditional requests, which radosgw is not.
set -euo pipefail
DIR=${1:?usage: moto-up.sh DIR [PORT]}
PORT=${2:-7481}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)
MARK="moto_server -H 127.0.0.1 -p $PORT"
answers() { curl -s -m 2 -o /dev/null "http://127.0.0.1:$PORT/"; }

alive() {
  [ -s "$DIR/moto.pid" ] && { tr '\0' ' ' <"/proc/$(cat "$DIR/moto.pid")/cmdline"; } 2>/dev/null | grep -qF -- "$MARK"
}

if ! alive; then
  ! answers || { echo "port $PORT is another server's" >&2; exit 1; }
  # shellcheck disable=SC2086 # MARK is the command, in words
  setsid "$HERE"/sid-exec $MARK </dev/null >"$DIR/moto.log" 2>&1 &
  echo $! >"$DIR/moto.pid"
fi
PID=$(cat "$DIR/moto.pid")
for ((i = 0; i < 600; i++)); do
  answers && break
  [ -d "/proc/$PID" ] || { echo 'moto_server ended:' >&2; tail -n 5 "$DIR/moto.log" >&2; exit 1; }
  sleep 0.05
done
answers || { echo 'moto_server does not answer' >&2; exit 1; }
echo "MOTO_ENDPOINT=http://127.0.0.1:$PORT"
