#!/bin/bash
# redis-cli, which is hiredis too, and redis-benchmark: RESP3 where an option asks for it.
set -u
checks=0

check() {  # check WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || { printf 'FAILED %s: %q is not %q\n' "$1" "$2" "$3" && exit 1; }
  checks=$((checks + 1))
  echo "ok $1"
}

cli() { redis-cli -p "$PORT" "$@" 2>&1; }
secured() { redis-cli -p "$SECURED_PORT" "$@" 2>&1; }

check "SET, GET" "$(cli set text value) $(cli get text)" "OK value"
check "-x: a value from a file" "$(head -c 3000000 /dev/zero | cli -x set large) $(cli strlen large)" "OK 3000000"
cli hset hash a 1 b 2 >/dev/null
check "HGETALL in RESP2" "$(cli --no-raw hgetall hash)" $'1) "a"\n2) "1"\n3) "b"\n4) "2"'
check "-3: HGETALL in RESP3" "$(cli -3 --no-raw hgetall hash)" $'1# "a" => "1"\n2# "b" => "2"'
check "--json" "$(cli --json hgetall hash)" '{"a":"1","b":"2"}'
cli zadd ranking 1.5 low >/dev/null
check "-3: a double" "$(cli -3 --no-raw zscore ranking low)" "(double) 1.5"
check "-3: nothing" "$(cli -3 --no-raw get none)" "(nil)"
check "--csv" "$(cli --csv mget text none)" '"value",NULL'
check "--eval" "$(cli --eval /dev/stdin script , 5 <<<"return redis.call('incrby', KEYS[1], ARGV[1])")" 5
check "a transaction" "$(printf 'MULTI\nSET {a}x 1\nINCR {a}x\nEXEC\n' | cli)" $'OK\nQUEUED\nQUEUED\nOK\n2'
check "-3: a transaction" "$(printf 'MULTI\nHSET {a}h f v\nHGETALL {a}h\nEXEC\n' | cli -3 --no-raw)" \
  $'OK\nQUEUED\nQUEUED\n1) (integer) 1\n2) 1# "f" => "v"'
check "DISCARD" "$(printf 'MULTI\nSET {a}x 9\nDISCARD\nGET {a}x\n' | cli)" $'OK\nQUEUED\nOK\n2'
check "--pipe" "$(for i in {1..1000}; do printf 'SET pipe:%d %d\r\n' "$i" "$i"; done | cli --pipe | tail -1)" "errors: 0, replies: 1000"
check "--scan" "$(cli --scan --pattern 'pipe:*' | wc -l)" 1000
check "--bigkeys" "$(cli --bigkeys | grep -c 'Sampled 10[0-9][0-9] keys\|Biggest string found .*large.* has 3000000 bytes')" 2
check "--memkeys" "$(cli --memkeys | grep -c 'Sampled 10[0-9][0-9] keys')" 1
check "-n 1: another database" "$(cli -n 1 get text) $(cli -n 1 set text one) $(cli get text)" " OK value"
check "SELECT back" "$(printf 'SELECT 1\nGET text\nSELECT 0\nGET text\n' | cli)" $'OK\none\nOK\nvalue'
check "SELECT of a database that is not there" "$(printf 'SELECT 16\nGET text\n' | cli)" $'ERR DB index is out of range\n\nvalue'
check "no password" "$(secured get text)" "NOAUTH Authentication required."
check "-a" "$(secured --no-auth-warning -a "$PASSWORD" set secret 1)" "OK"
check "--user, -3, -n 2" "$(secured -3 -n 2 --user default --pass "$PASSWORD" --no-auth-warning ping)" "PONG"
check "AUTH with a wrong password" "$(printf 'AUTH wrong\nPING\n' | secured)" \
  $'WRONGPASS invalid username-password pair or user is disabled.\n\nNOAUTH Authentication required.'
check "a password nobody asks for" "$(printf 'AUTH x\n' | cli | cut -d' ' -f1-6)" "ERR AUTH <password> called without any"

check "PUBLISH, PUBSUB" "$(cli publish nobody x) $(cli pubsub numpat) $(cli pubsub numsub news)" "0 0 news"$'\n'0
check "SUBSCRIBE" "$(timeout 2 redis-cli -p "$PORT" subscribe news more | head -6 | tr '\n' ' ')" "subscribe news 1 subscribe more 2 "

benchmark() { redis-benchmark -q -n 2000 -c 10 -P 8 -r 1000 "$@" 2>&1 | tr '\r' '\n' | grep -Eci 'error|warning'; }
check "redis-benchmark" "$(benchmark -p "$PORT" -t set,get,lpush,sadd,hset,zadd,mset)" 0
check "redis-benchmark in RESP3 and database 1" "$(benchmark -p "$PORT" -t set,get,spop,zpopmin -3 --dbnum 1)" 0
check "redis-benchmark with a password" "$(benchmark -p "$SECURED_PORT" -t set,get -a "$PASSWORD")" 0
echo "$checks checks"
