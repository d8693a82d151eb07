#!/usr/bin/env bash
# Installs the programs that the tests and benchmarks talk to, on a Debian 12 machine, as root.
#
#   usage: test/peers/install.sh
#   env:   LATTICEPORT_PEERS   where the peers live (default: ${XDG_CACHE_HOME:-~/.cache}/latticeport-peers)
#
# What it makes:
#   the machine itself                ssh, sftp, tshark, lftp, sshfs, PostgreSQL, Ceph's radosgw, ... from the machine's own sources
#   $LATTICEPORT_PEERS/openssh-stable     sshd of the machine's own release, unpacked and not installed
#   $LATTICEPORT_PEERS/openssh-backports  OpenSSH 10 with its regress suite, unpacked and not installed
#   $LATTICEPORT_PEERS/sid                a Debian sid root with the newest clients; test/peers/sid-exec runs programs in it
#
# Every step is skipped when its result is there already, so that a second run takes a second.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PEERS=${LATTICEPORT_PEERS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/latticeport-peers}

HOST_PACKAGES=(
  openssh-client openssl ca-certificates curl git iproute2 procps netcat-openbsd
  ceph-mon ceph-osd radosgw ceph-common
  tshark lftp sshfs
  postgresql
  libwrap0    # sshd links to it
  awscli python3-boto3
  mmdebstrap
)
SID_PACKAGES=(
  ca-certificates openssl openssl-provider-fips nodejs
  openssh-client openssh-server openssh-sftp-server
  putty-tools dropbear-bin libssh-4 rclone lftp curl
  python3-asyncssh python3-paramiko ssh-audit ruby-net-sftp
  python3-moto python3-flask-cors docker-compose
)

say() { printf '[peers %4ds] %s\n' "$SECONDS" "$*"; }
die() { say "FAILED: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die 'installing packages needs root'
# shellcheck disable=SC1091
. /etc/os-release
[ "${ID:-}" = debian ] || die "this is ${PRETTY_NAME:-an unknown system}; the peers come from Debian's packages"
mkdir -p "$PEERS/log"
PEERS=$(cd "$PEERS" && pwd)
exec 9>"$PEERS/.lock"
flock -w 1200 9 || die 'another install.sh holds the lock'

export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # RUNLEVEL=1: no package's script starts a daemon
APT=(timeout 900 apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# On a machine with systemd a freshly installed daemon would be started all the same; this file forbids it.
POLICY=/usr/sbin/policy-rc.d
if [ ! -e $POLICY ]; then
  printf '#!/bin/sh\nexit 101\n' >$POLICY
  chmod 755 $POLICY
  trap 'rm -f $POLICY' EXIT
fi

# The mirror that this machine's apt uses already.
mirror() {
  # shellcheck disable=SC2016 # apt expands these, not the shell
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' 'Origin: Debian' |
    grep -v security | head -n 1 | sed 's,/$,,'
}

installed() { # PACKAGE...: are all of them installed on this machine?
  local count
  count=$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed) || true
  [ "$count" = $# ]
}

refreshed=
refresh() { # apt's lists, once a run and only when something is to be installed
  [ -z "$refreshed" ] || return 0
  "${APT[@]}" update >>"$PEERS/log/apt-update.log" 2>&1 9>&- || say 'apt-get update reported an error; going on with the lists there are'
  refreshed=1
}

install_host() {
  "${APT[@]}" install --no-install-recommends "${HOST_PACKAGES[@]}" </dev/null
}

install_stable() { # sshd of the machine's own release
  local new=$PEERS/openssh-stable.new
  rm -rf "$new"
  mkdir -p "$new/debs"
  (cd "$new/debs" && "${APT[@]}" download openssh-server openssh-sftp-server)
  for deb in "$new"/debs/*.deb; do dpkg -x "$deb" "$new"; done
  rm -rf "$new/debs" "$PEERS/openssh-stable"
  mv "$new" "$PEERS/openssh-stable"
}

install_backports() { # OpenSSH 10 of bookworm-backports
  local new=$PEERS/openssh-backports.new
  rm -rf "$new"
  mkdir -p "$new/apt/lists/partial" "$new/apt/cache/archives/partial" "$new/debs"
  echo "deb [signed-by=$KEYRING] $MIRROR $VERSION_CODENAME-backports main" >"$new/apt/sources.list"
  local own=(-o "Dir::Etc::sourcelist=$new/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$new/apt/lists" -o "Dir::Cache=$new/apt/cache")
  "${APT[@]}" "${own[@]}" update
  (cd "$new/debs" && "${APT[@]}" "${own[@]}" download \
    {openssh-client,openssh-server,openssh-sftp-server,openssh-tests}"/$VERSION_CODENAME-backports")
  for deb in "$new"/debs/*.deb; do dpkg -x "$deb" "$new"; done
  rm -rf "$new/debs" "$new/apt" "$PEERS/openssh-backports"
  mv "$new" "$PEERS/openssh-backports"
}

install_sid() {
  local new=$PEERS/sid.new include
  rm -rf --one-file-system "$new"
  include=$(IFS=,; echo "${SID_PACKAGES[*]}")
  # How this machine reaches its mirror (proxies, checks of dates) holds for the root too.
  apt-config dump | { grep -E '^Acquire::(https?::|Check-)' || true; } >"$PEERS/log/sid-apt.conf"
  timeout 900 mmdebstrap --quiet --variant=apt --components=main \
    --aptopt="$PEERS/log/sid-apt.conf" --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$include" sid "$new" "$MIRROR"
  echo '127.0.0.1 localhost' >"$new/etc/hosts"
  fips_config "$new"
  rm -rf --one-file-system "$PEERS/sid"
  mv "$new" "$PEERS/sid"
  sid_key >"$PEERS/sid/.latticeport"
}

# A configuration with which the root's Node runs in real FIPS mode:
#   OPENSSL_CONF=/etc/ssl/node-fips.cnf node --openssl-shared-config --enable-fips
fips_config() { # ROOT
  chroot "$1" sh -c 'openssl fipsinstall -out /etc/ssl/fipsmodule.cnf -module /usr/lib/*/ossl-modules/fips.so'
  cat >"$1/etc/ssl/node-fips.cnf" <<'CNF'
nodejs_conf = nodejs_init
openssl_conf = nodejs_init
.include /etc/ssl/fipsmodule.cnf
[nodejs_init]
providers = provider_sect
alg_section = algorithm_sect
[provider_sect]
fips = fips_sect
base = base_sect
[base_sect]
activate = 1
[algorithm_sect]
default_properties = fips=yes
CNF
}

sid_key() { echo "${SID_PACKAGES[*]}" | sha256sum | cut -d' ' -f1; }

step() { # NAME FUNCTION: runs in the background, output to a log
  local name=$1 begun=$SECONDS status=0
  set +e # not `if`, which would switch off "stop at the first error" inside the step
  (set -e; "$2") >"$PEERS/log/$name.log" 2>&1 9>&-
  status=$?
  set -e
  if [ $status = 0 ]; then
    say "$name: done in $((SECONDS - begun)) s"
  else
    say "$name: failed; the end of $PEERS/log/$name.log:" >&2
    tail -n 15 "$PEERS/log/$name.log" >&2
    return 1
  fi
}

jobs=()
launch() { # NAME FUNCTION
  step "$@" &
  jobs+=($!)
}

if ! installed mmdebstrap; then
  refresh
  "${APT[@]}" install --no-install-recommends mmdebstrap </dev/null >"$PEERS/log/mmdebstrap.log" 2>&1 9>&- || die mmdebstrap
fi

# The steps do not share a lock: dpkg's database is the machine's, the others write below $PEERS.
if [ "$(cat "$PEERS/sid/.latticeport" 2>/dev/null)" != "$(sid_key)" ]; then
  refresh
  MIRROR=$(mirror)
  launch sid install_sid
fi
if ! installed "${HOST_PACKAGES[@]}"; then
  refresh
  launch host install_host
fi
if [ ! -x "$PEERS/openssh-stable/usr/sbin/sshd" ]; then
  refresh
  launch openssh-stable install_stable
fi
if [ "$VERSION_CODENAME" != bookworm ]; then
  say "openssh-backports: skipped, this is $VERSION_CODENAME"
elif [ ! -x "$PEERS/openssh-backports/usr/sbin/sshd" ]; then
  refresh
  MIRROR=$(mirror)
  launch openssh-backports install_backports
fi

failed=0
for job in ${jobs[@]+"${jobs[@]}"}; do wait "$job" || failed=1; done
[ $failed = 0 ] || die 'a step failed'

# sshd run by root drops its pre-authentication half to this user, in this directory.
id -u sshd >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /run/sshd --shell /usr/sbin/nologin sshd
mkdir -p /run/sshd

"$HERE/sid-exec" true || die 'the sid root does not run programs'
say "ready in $PEERS"
