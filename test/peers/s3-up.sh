#!/usr/bin/env bash
# Starts a real S3 server for tests: one ceph-mon, one ceph-osd and one radosgw on 127.0.0.1, without systemd and without a mgr.
#
#   usage: s3-up.sh DIR [PORT=7480]      then: eval "$(s3-up.sh DIR)"; only environment lines go to standard output
#   env:   OSD_STORE=bluestore|memstore  ACCESS SECRET  MON_PORT  GC_WAIT=120 (seconds that deleted data stays)
#
# Idempotent: daemons of DIR that run are kept, missing ones are started, the user is made once.
# bluestore: a sparse file DIR/osd/block; data outlives a stop and a SIGKILL.
# memstore:  data in the OSD's memory; once that has stopped, the next start begins anew.
set -euo pipefail
DIR=${1:?usage: s3-up.sh DIR [PORT]}
PORT=${2:-7480}
STORE=${OSD_STORE:-bluestore}
MON_PORT=${MON_PORT:-$((20000 + PORT % 12000))}
ACCESS=${ACCESS:-AKIATESTRGW000000000}
SECRET=${SECRET:-testsecret0123456789testsecret0123456789}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$DIR"/log "$DIR"/run
DIR=$(cd "$DIR" && pwd)
cd "$DIR"

log() { echo "[$(date +%T)] $*" >&2; }
die() {
  log "FAILED: $*"
  tail -n 5 "$DIR"/log/*.out "$DIR"/log/*.log >&2 2>/dev/null || true
  exit 1
}
for program in ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph curl; do
  command -v $program >/dev/null || die "$program is not installed; run test/peers/install.sh"
done
exec 9>.lock
flock -w 300 9 || die 'another s3-up.sh holds the lock'

export CEPH_CONF=$DIR/ceph.conf CEPH_ARGS=

alive() { # DAEMON: does the process of DIR that its pid file names still run?
  [ -s "run/$1.pid" ] || return 1
  local pid
  pid=$(cat "run/$1.pid")
  [ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- " $DIR/ceph.conf"
}
wait_for() { # DAEMON SECONDS WHAT COMMAND...
  local daemon=$1 end=$((SECONDS + $2)) what=$3
  shift 3
  until "$@" >/dev/null 2>&1 9>&-; do
    alive "$daemon" || die "$daemon ended"
    [ $SECONDS -lt $end ] || die "no $what"
    sleep 0.05
  done
}
start() { # DAEMON COMMAND...: in the foreground (-f) of a session of its own, so that its pid is known at once
  local daemon=$1
  shift
  alive "$daemon" && return 0
  rm -f "run/$daemon.pid"
  (cd / && exec setsid "$@" -f -c "$CEPH_CONF") </dev/null >>"log/$daemon.out" 2>&1 9>&- &
  echo $! >"run/$daemon.pid"
  sleep 0.05 # until the command line of the new process names DIR
}
answers() { curl -s -m 2 -o /dev/null "http://127.0.0.1:$PORT/"; }

if [ -s ceph.conf ] && grep -q 'objectstore = memstore' ceph.conf && ! alive osd; then
  "$HERE"/s3-down.sh "$DIR" 9>&-
  rm -rf ceph.conf mon osd osd.uuid rgw env log/*
fi

# ---- configuration ----
if [ ! -s ceph.conf ]; then
  cat >ceph.conf.new <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$MON_PORT
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
ms bind port min = 17000
ms bind port max = 17900
# no cephx: no keyrings to make, nothing but loopback listens
auth cluster required = none
auth service required = none
auth client required = none
# radosgw by default asks its monitor for an encrypted link, which "auth none" cannot give: it hangs with -13
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
# one OSD, one copy, no mgr
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon allow pool delete = true
osd crush chooseleaf type = 0
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon max pg per osd = 2000
mon data avail warn = 1
mon data avail crit = 0
# a change of the map goes out at once, not once a second
paxos propose interval = 0.02
paxos min wait = 0.01
admin socket =
pid file =
heartbeat file =
crash dir = $DIR/run
log file = $DIR/log/\$name.log
mon cluster log file = $DIR/log/cluster.log
[mon]
mon data = $DIR/mon
[osd]
osd data = $DIR/osd
osd objectstore = $STORE
osd memory target = 939524096
osd class update on start = false
bluestore block size = 10737418240
bluestore fsck on mkfs = false
# the block file is opened and closed a dozen times, and each close waits for one poll (250 ms)
bdev aio poll ms = 10
memstore device bytes = 8589934592
[client]
# tcp_nodelay: without it each answer waits 40 ms (Nagle against delayed ACK)
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw data = $DIR/rgw
rgw thread pool size = 64
rgw override bucket index max shards = 1
rgw dynamic resharding = false
# accept any LocationConstraint (the SDKs send the region's name)
rgw relaxed region enforcement = true
# encryption headers over plain http; SSE-KMS with a key of the tests' own: SSEKMSKeyId=testkey-1
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=
# deleted data goes after minutes, not 2 hours; readers of it have so long
rgw gc obj min wait = ${GC_WAIT:-120}
rgw gc processor period = $(( (${GC_WAIT:-120} + 1) / 2 ))
rgw gc processor max time = 60
CONF
  mv ceph.conf.new ceph.conf
fi
FSID=$(sed -n 's/^fsid = //p' ceph.conf)
PORT=$(sed -n 's/^rgw frontends = .*127.0.0.1:\([0-9]*\).*/\1/p' ceph.conf)
MON=$(sed -n 's/^mon host = //p' ceph.conf)

# ---- daemons ----
if [ ! -e mon/.made ]; then
  log 'making the monitor'
  rm -rf mon
  mkdir mon
  monmaptool --create --clobber --fsid "$FSID" --addv a "[$MON]" monmap >/dev/null 9>&-
  ceph-mon -c "$CEPH_CONF" --mkfs -i a --monmap monmap >>log/mkfs.out 2>&1 9>&- || die 'ceph-mon --mkfs'
  touch mon/.made
fi
start mon ceph-mon -i a
wait_for mon 30 monitor timeout 5 ceph --connect-timeout 4 mon stat

if [ ! -e osd/.made ]; then
  log 'making the OSD'
  rm -rf osd
  mkdir osd
  [ -s osd.uuid ] || cp /proc/sys/kernel/random/uuid osd.uuid
  UUID=$(cat osd.uuid)
  timeout 20 ceph osd new "$UUID" 0 >/dev/null 2>>log/mkfs.out 9>&- || die 'ceph osd new'
  ceph-osd -c "$CEPH_CONF" -i 0 --mkfs --osd-uuid "$UUID" >>log/mkfs.out 2>&1 9>&- || die 'ceph-osd --mkfs'
  touch osd/.made
fi
start osd ceph-osd -i 0
wait_for osd 40 OSD sh -c 'timeout 5 ceph osd stat 2>/dev/null | grep -q "1 up"'

mkdir -p rgw
alive rgw || ! answers || die "port $PORT is another server's"
start rgw radosgw -n client.rgw
wait_for rgw 90 'S3 endpoint' answers
log "S3 endpoint answers on 127.0.0.1:$PORT"

if ! [ -s env ] || ! timeout 60 radosgw-admin -c "$CEPH_CONF" user info --uid=test >/dev/null 2>&1 9>&-; then
  timeout 60 radosgw-admin -c "$CEPH_CONF" user create --uid=test --display-name=test \
    --access-key="$ACCESS" --secret-key="$SECRET" >/dev/null 2>>log/admin.out 9>&- || die 'user create'
  cat >env.new <<ENV
S3_ENDPOINT=http://127.0.0.1:$PORT
AWS_ACCESS_KEY_ID=$ACCESS
AWS_SECRET_ACCESS_KEY=$SECRET
AWS_REGION=us-east-1
ENV
  mv env.new env
fi
cat env
