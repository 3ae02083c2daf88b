#!/bin/bash
# The tools of libmemcached with --binary, and its own test of the binary protocol.
set -u
checks=0
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1

check() {  # check WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || { printf 'FAILED %s: %q is not %q\n' "$1" "$2" "$3" && exit 1; }
  checks=$((checks + 1))
  echo "ok $1"
}

tool() { local name=$1; shift; "$name" --binary --servers "127.0.0.1:$PORT" "$@" 2>&1; }

check "memccapable -b" "$(memccapable -h 127.0.0.1 -p "$PORT" -b -t 5 2>&1 | tail -1)" "All tests passed"
for i in {1..20}; do echo "value $i" >"item$i"; done
tool memccp item* >/dev/null
check "memccp, memccat" "$(tool memccat item7)" "value 7"
check "memcexist" "$(tool memcexist item7 && echo there; tool memcexist none >/dev/null || echo missing)" $'there\nmissing'
check "memctouch" "$(tool memctouch --expire 100 item7 && tool memccat item7)" "value 7"
check "memcrm" "$(tool memcrm item7; tool memcexist item7 >/dev/null || echo missing)" missing
check "memcping" "$(memcping --servers "127.0.0.1:$PORT" && echo up)" up
check "memcslap" "$(tool memcslap --execute-number 100 --concurrency 2 --test set >/dev/null && echo done)" "done"
check "memcstat" "$(tool memcstat | grep -c 'curr_items: \|version: ')" 2
head -c 2000000 /dev/zero >item8
check "memccp of one too large" "$(tool memccp item8 >/dev/null || echo refused; tool memcexist item8 >/dev/null || echo missing)" $'refused\nmissing'
# What it asks tells of no more than a part of the keys: stats cachedump.
check "memcdump, in text" "$(memcdump --servers "127.0.0.1:$PORT" | grep -qx 'item[0-9]*' && echo some)" some
check "memcflush" "$(tool memcflush; tool memcexist item9 >/dev/null || echo missing)" missing
echo "$checks checks"
