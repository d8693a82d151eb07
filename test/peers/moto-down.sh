#!/usr/bin/env bash
# Stops the server that moto-up.sh DIR started: moto-down.sh DIR
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$HERE"/stop-pid-files.sh 'moto_server -H 127.0.0.1' "${1:?usage: moto-down.sh DIR}/moto.pid"
