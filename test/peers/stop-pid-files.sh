#!/usr/bin/env bash
# Stops the processes that pid files name: stop-pid-files.sh MARK FILE...
#   env: SIGNAL=TERM|KILL  KILL where nothing that they hold is wanted any more
# Only a process whose command line holds MARK is touched, with its process group where it leads one: a pid can have been
# given to somebody else since.
set -u
MARK=$1
shift
for file in "$@"; do
  [ -s "$file" ] || continue
  pid=$(cat "$file")
  mine() { [ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$MARK"; }
  if mine; then
    signal() { kill -"$1" -- "-$pid" 2>/dev/null || kill -"$1" "$pid"; }
    signal "${SIGNAL:-TERM}"
    for ((i = 0; i < 200; i++)); do
      mine || break
      sleep 0.05
    done
    mine && { echo "$file: SIGKILL" >&2; signal KILL; }
  fi
  rm -f "$file"
done
exit 0
