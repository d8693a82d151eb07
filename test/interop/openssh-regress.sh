#!/usr/bin/env bash
# OpenSSH's own regress tests of SFTP and of scp over SFTP, unmodified, with `latticeport sftp-stdio` in sftp-server's place.
#
#   usage: test/interop/openssh-regress.sh [test ...]
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
TESTS=("$@")
[ ${#TESTS[@]} -gt 0 ] || TESTS=(sftp sftp-cmds sftp-badcmds sftp-batch sftp-glob sftp-resume sftp-perm scp scp3)

if [ ! -r "$SRC/test-exec.sh" ]; then
  echo "skipped: no OpenSSH regress suite in $ROOT (OPENSSH_TESTS_ROOT)"
  echo "0 passed, 0 failed, ${#TESTS[@]} skipped"
  exit 0
fi

WORK=$(mktemp -d "${TMPDIR:-/tmp}/latticeport-regress.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
export OBJ=$WORK/obj
mkdir -p "$OBJ" "$WORK/bin"
# sshd, with which the suite makes its keys and configuration, wants its privilege separation directory.
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

SERVER=${SFTP_SERVER:-latticeport}
case $SERVER in
  openssh) SERVER=$ROOT/usr/lib/openssh/sftp-server ;;
  latticeport)
    NODE=$PROJECT/node_modules/.bin/node
    [ -x "$NODE" ] || NODE=$(command -v node)
    SERVER=$WORK/bin/sftp-server
    # The suite starts it some two hundred times.
    export NODE_COMPILE_CACHE=$WORK/compile-cache
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$NODE" "$PROJECT/test/sftp/sftp-stdio-main.ts" >"$SERVER"
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

cd "$SRC" || exit 1
passed=0 failed=0
for name in "${TESTS[@]}"; do
  started=$(date +%s.%N)
  timeout "${REGRESS_TIMEOUT:-300}" sh test-exec.sh "$OBJ" "$SRC/$name.sh" >"$WORK/$name.out" 2>&1
  status=$?
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
