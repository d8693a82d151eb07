#!/usr/bin/env bash
# OpenSSH's own regress tests of SFTP and of scp over SFTP, unmodified, with `latticeport sftp-stdio` in sftp-server's place.
#
#   usage: test/interop/openssh-regress.sh [--s3] [test ...]
#          --s3: the server's files are in a bucket of a real S3 server, and the suite's folder shows it (regress-on-s3.ts).
#          What S3 cannot have is refused, and the suite says so: a test passes where it complains of exactly that.
#   env:   OPENSSH_TESTS_ROOT  an unpacked OpenSSH with openssh-tests (default: what test/peers/install.sh makes)
#          SFTP_SERVER         the server under test (default: sftp-stdio of this folder; "openssh" for OpenSSH's own)
#          REGRESS_TIMEOUT     seconds for one test (default 300)
#
# Prints one line a test and "N passed, N failed, N skipped"; exits 1 if any failed.
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd "$HERE/../.." && pwd)
PEERS=${LATTICEPORT_PEERS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/latticeport-peers}
ROOT=${OPENSSH_TESTS_ROOT:-$PEERS/openssh-backports}
SRC=$ROOT/usr/lib/openssh/regress
STORE=local
if [ "${1:-}" = --s3 ]; then
  STORE=s3
  shift
fi
TESTS=("$@")
[ ${#TESTS[@]} -gt 0 ] || TESTS=(sftp sftp-cmds sftp-badcmds sftp-batch sftp-glob sftp-resume sftp-perm scp scp3)

if [ ! -r "$SRC/test-exec.sh" ]; then
  echo "skipped: no OpenSSH regress suite in $ROOT (OPENSSH_TESTS_ROOT)"
  echo "0 passed, 0 failed, ${#TESTS[@]} skipped"
  exit 0
fi

WORK=$(mktemp -d "${TMPDIR:-/tmp}/latticeport-regress.XXXXXX")
SITE=$WORK/s3
finish() {
  [ ! -d "$SITE/radosgw" ] || "$PROJECT/test/peers/s3-down.sh" "$SITE/radosgw" --purge >/dev/null 2>&1
  rm -rf "$WORK"
}
trap finish EXIT
export OBJ=$WORK/obj
mkdir -p "$OBJ" "$WORK/bin"
# sshd, with which the suite makes its keys and configuration, wants its privilege separation directory.
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

# What the suite complains of on S3, sorted: symbolic and hard links are refused. (In sftp-cmds the client runs without -b and
# ends with status 0 whatever happens: there the suite misses the link.)
complaints_on_s3() { # TEST
  case $1 in
    sftp-cmds)
      printf '%s\n' 'created file is not equal after ln' 'missing file after ln' 'missing file after ln -s' | sort
      ;;
    sftp-perm)
      for link in hardlink symlink; do
        printf '%s\n' "plain $link failed" "whitelisted $link failed"
        printf "postcondition check failed: $link %s\n" no-readonly 'no white/blacklists' whitelisted
      done | sort
      ;;
  esac
}

# The script to run on S3. Only sftp-batch is not the suite's own: in one session it fetches a file and removes what it has
# fetched through the server, which is on another disk here; so the file is put there first, and removed from both.
script_on_s3() { # TEST
  [ "$1" = sftp-batch ] || { echo "$SRC/$1.sh"; return; }
  sed 's/^\(\trm \)\(${COPY}\)$/\tput \2 \2\n\1\2\n\t!rm \2/' "$SRC/$1.sh" >"$WORK/$1.sh"
  echo "$WORK/$1.sh"
}

SERVER=${SFTP_SERVER:-latticeport}
[ $STORE = local ] || SERVER=s3
NODE=$PROJECT/node_modules/.bin/node
[ -x "$NODE" ] || NODE=$(command -v node)
case $SERVER in
  openssh) SERVER=$ROOT/usr/lib/openssh/sftp-server ;;
  latticeport)
    SERVER=$WORK/bin/sftp-server
    # The suite starts it some two hundred times.
    export NODE_COMPILE_CACHE=$WORK/compile-cache
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$NODE" "$PROJECT/test/sftp/sftp-stdio-main.ts" >"$SERVER"
    chmod 755 "$SERVER"
    ;;
  s3)
    export NODE_COMPILE_CACHE=$WORK/compile-cache
    ON_S3=$PROJECT/test/interop/regress-on-s3.ts
    SERVER=$WORK/bin/sftp-server
    mkdir "$SITE"
    "$NODE" "$ON_S3" up "$SITE"
    status=$?
    if [ $status = 3 ]; then
      echo "skipped: no S3 server is installed (radosgw)"
      echo "0 passed, 0 failed, ${#TESTS[@]} skipped"
      exit 0
    elif [ $status != 0 ]; then
      echo "0 passed, ${#TESTS[@]} failed, 0 skipped"
      exit 1
    fi
    printf '#!/bin/sh\nexec "%s" "%s" session "%s" "%s" "$@"\n' "$NODE" "$ON_S3" "$SITE" "$OBJ" >"$SERVER"
    chmod 755 "$SERVER"
    ;;
esac

bin() { printf '%s/usr/bin/%s' "$ROOT" "$1"; }
export TEST_SSH_SSH TEST_SSH_SSHD TEST_SSH_SSHAGENT TEST_SSH_SSHADD TEST_SSH_SSHKEYGEN TEST_SSH_SSHKEYSCAN TEST_SSH_SFTP TEST_SSH_SCP
TEST_SSH_SSH=$(bin ssh) TEST_SSH_SSHD=$ROOT/usr/sbin/sshd TEST_SSH_SSHAGENT=$(bin ssh-agent) TEST_SSH_SSHADD=$(bin ssh-add)
TEST_SSH_SSHKEYGEN=$(bin ssh-keygen) TEST_SSH_SSHKEYSCAN=$(bin ssh-keyscan) TEST_SSH_SFTP=$(bin sftp) TEST_SSH_SCP=$(bin scp)
export TEST_SSH_SSHD_SESSION=$ROOT/usr/lib/openssh/sshd-session TEST_SSH_SSHD_AUTH=$ROOT/usr/lib/openssh/sshd-auth
export TEST_SSH_SFTPSERVER=$SERVER TEST_SHELL=sh TEST_SSH_UNSAFE_PERMISSIONS=1
export USER=${USER:-$(id -un)} LOGNAME=${LOGNAME:-$(id -un)} PATH=$SRC:$PATH

# A test on S3 passes where the suite complains of what S3 cannot have and of nothing else, where the server was really used,
# and the bucket and the folder could be made to agree.
judge_on_s3() { # TEST STATUS
  local expected said
  expected=$(complaints_on_s3 "$1")
  said=$(sed -n 's/^FAIL: //p' "$OBJ/failed-regress.log" 2>/dev/null | sort -u)
  if [ "$said" != "$expected" ]; then
    printf 'complaints that were expected:\n%s\nand those that came:\n%s\n' "$expected" "$said"
    return 1
  fi
  [ -n "$said" ] || [ "$2" = 0 ] || return "$2"
  [ -s "$SITE/sessions" ] || { echo 'the server was never asked'; return 1; }
  [ ! -s "$SITE/errors" ] || { cat "$SITE/errors"; return 1; }
  "$NODE" "$ON_S3" check "$SITE"
}

cd "$SRC" || exit 1
passed=0 failed=0
for name in "${TESTS[@]}"; do
  script=$SRC/$name.sh
  [ $STORE = local ] || script=$(script_on_s3 "$name")
  started=$(date +%s.%N)
  timeout "${REGRESS_TIMEOUT:-300}" sh test-exec.sh "$OBJ" "$script" >"$WORK/$name.out" 2>&1
  status=$?
  if [ $STORE = s3 ]; then
    judge_on_s3 "$name" $status >>"$WORK/$name.out" 2>&1
    status=$?
    rm -f "$OBJ"/failed-* "$SITE/sessions" "$SITE/errors"
  fi
  seconds=$(awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    echo "passed  $name (${seconds}s)"
  else
    failed=$((failed + 1))
    echo "FAILED  $name (${seconds}s, status $status)"
    tail -n 40 "$WORK/$name.out" | sed 's/^/        /'
  fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
