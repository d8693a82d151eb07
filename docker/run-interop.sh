#!/bin/sh
# What every interoperability container runs, and what CI runs without containers: the ordinary runner against a server that
# is there already.
#   usage: run-interop.sh CLIENT...        (part of a client's name)
#   env:   SERVER=latticeport:2222  IDENTITY=/etc/latticeport/identity.json  OUT=/out
set -eu
exec node "$(dirname "$0")/../test/interop/run.ts" \
  --server "${SERVER:-latticeport:2222}" --identity "${IDENTITY:-/etc/latticeport/identity.json}" --out "${OUT:-/out}" \
  --client "$@"
