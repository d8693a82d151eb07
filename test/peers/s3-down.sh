#!/usr/bin/env bash
# Stops the daemons that s3-up.sh DIR started, and nothing else: s3-down.sh DIR [--purge]
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DIR=$(cd "${1:?usage: s3-down.sh DIR [--purge]}" && pwd) || exit 1
[ "${2:-}" = --purge ] && export SIGNAL=KILL # radosgw takes 5 s to end in good order
"$HERE"/stop-pid-files.sh " $DIR/ceph.conf" "$DIR"/run/{rgw,osd,mon}.pid
[ "${2:-}" = --purge ] && [ -s "$DIR/ceph.conf" ] && rm -rf "$DIR"
exit 0
