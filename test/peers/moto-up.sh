#!/usr/bin/env bash
# Starts moto's S3 server: moto-up.sh DIR [PORT=7481] [COMMAND...]; COMMAND is by default the Debian sid root's moto_server.
# Only environment lines go to standard output. It keeps everything in memory, checks no signature,
# and is close to AWS in its errors and conditional requests, which radosgw is not.
#   env:   MOTO_WAIT=30 (seconds until it must answer)
set -euo pipefail
DIR=${1:?usage: moto-up.sh DIR [PORT] [COMMAND...]}
PORT=${2:-7481}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
COMMAND=("${@:3}")
[ ${#COMMAND[@]} != 0 ] || COMMAND=("$HERE"/sid-exec moto_server)
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)
# how moto-down.sh knows the process
MARK="moto_server -H 127.0.0.1 -p $PORT"
command -v curl >/dev/null || { echo 'curl is not installed' >&2; exit 1; }
answers() { curl -s -m 2 -o /dev/null "http://127.0.0.1:$PORT/"; }

alive() {
  [ -s "$DIR/moto.pid" ] && { tr '\0' ' ' <"/proc/$(cat "$DIR/moto.pid")/cmdline"; } 2>/dev/null | grep -qF -- "$MARK"
}

if ! alive; then
  ! answers || { echo "port $PORT is another server's" >&2; exit 1; }
  setsid "${COMMAND[@]}" -H 127.0.0.1 -p "$PORT" </dev/null >"$DIR/moto.log" 2>&1 &
  echo $! >"$DIR/moto.pid"
fi
PID=$(cat "$DIR/moto.pid")
END=$((SECONDS + ${MOTO_WAIT:-30}))
until answers; do
  [ -d "/proc/$PID" ] || { echo "moto_server ended: $(tail -n 1 "$DIR/moto.log")" >&2; exit 1; }
  [ $SECONDS -lt $END ] || { echo 'moto_server does not answer' >&2; exit 1; }
  sleep 0.05
done
echo "MOTO_ENDPOINT=http://127.0.0.1:$PORT"
