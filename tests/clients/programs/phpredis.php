<?php
// phpredis.
declare(strict_types=1);
require __DIR__ . '/checks.php';

function connect(int $port, int $database = 0, ?string $password = null): Redis {
    $client = new Redis();
    $client->connect('127.0.0.1', $port, 5);
    if ($password !== null && !$client->auth($password)) fail('AUTH');
    if ($database !== 0 && !$client->select($database)) fail("SELECT: {$client->getLastError()}");
    return $client;
}

function dataTypes(Redis $client): void {
    check('SET, GET', [$client->set('text', 'grüße'), $client->get('text'), $client->get('none')], [true, 'grüße', false]);
    check('SET NX, GETSET', [$client->set('text', 'x', ['nx']), $client->getSet('text', 'y')], [false, 'grüße']);
    check('EXPIRE, TTL', [$client->expire('text', 100), $client->ttl('text'), $client->ttl('none')], [true, 100, -2]);
    check('INCR', [$client->incr('count'), $client->incrBy('count', 41), $client->incrByFloat('float', 1.5)], [1, 42, 1.5]);
    $client->hMSet('hash', ['a' => '1', 'b' => '2']);
    check('HGETALL', $client->hGetAll('hash'), ['a' => '1', 'b' => '2']);
    check('HMGET, HEXISTS', [$client->hMGet('hash', ['a', 'none']), $client->hExists('hash', 'b')], [['a' => '1', 'none' => false], true]);
    $client->rPush('list', 'one', 'two', 'three');
    check('LRANGE, LPOP', [$client->lRange('list', 0, -1), $client->lPop('list')], [['one', 'two', 'three'], 'one']);
    $client->sAdd('set', 'x', 'y');
    $members = $client->sMembers('set');
    sort($members);
    check('SMEMBERS', $members, ['x', 'y']);
    $client->zAdd('ranking', 1.5, 'low', INF, 'high');
    check('ZSCORE', [$client->zScore('ranking', 'low'), $client->zScore('ranking', 'none')], [1.5, false]);
    check('ZRANGE WITHSCORES', $client->zRange('ranking', 0, -1, true), ['low' => 1.5, 'high' => INF]);
    $id = $client->xAdd('stream', '*', ['field' => 'value']);
    check('XRANGE', $client->xRange('stream', '-', '+'), [$id => ['field' => 'value']]);
    $cursor = null;
    check('HSCAN', $client->hScan('hash', $cursor), ['a' => '1', 'b' => '2']);
}

function manyKeys(Redis $client): void {
    global $binary, $large;
    $keys = names(500);
    $client->mSet(array_combine($keys, range(0, 499)));
    check('MGET of 500 keys', $client->mGet([...$keys, 'none']), [...array_map('strval', range(0, 499)), false]);
    $found = [];
    $cursor = null;
    while (($page = $client->scan($cursor, 'many:*', 50)) !== false) array_push($found, ...$page);
    $found = array_unique($found);
    sort($found);
    $sorted = $keys;
    sort($sorted);
    check('scan', $found, $sorted);
    check('DEL of 500 keys', $client->del($keys), 500);
    $pipeline = $client->multi(Redis::PIPELINE);
    foreach ($keys as $i => $key) $i % 2 ? $pipeline->set($key, "p$i") : $pipeline->incr($key);
    check('a pipeline of 500 commands', $pipeline->exec(), array_map(fn($i) => $i % 2 ? true : 1, range(0, 499)));
    check('a value of all bytes', [$client->set('binary', $binary), $client->get('binary')], [true, $binary]);
    check('a value of 3 MiB', [$client->set('large', $large), $client->get('large') === $large], [true, true]);
}

function together(Redis $client): void {
    $script = "return {redis.call('incrby', KEYS[1], ARGV[1]), ARGV[2]}";
    check('EVAL', $client->eval($script, ['script', 5, 'x'], 1), [5, 'x']);
    check('EVALSHA', $client->evalSha($client->script('load', $script), ['script', 5, 'y'], 1), [10, 'y']);
    $replies = $client->multi()->set('{cart}:a', '1')->incr('{cart}:a')->hSet('{cart}:b', 'f', 'v')->hGetAll('{cart}:b')->exec();
    check('MULTI, EXEC', $replies, [true, 2, 1, ['f' => 'v']]);
    check('EXEC with a command that fails', $client->multi()->set('{cart}:a', 'x')->incr('{cart}:a')->exec(), [true, false]);
    $client->clearLastError();
    $client->multi()->set('{cart}:a', 'y');
    check('DISCARD', [$client->discard(), $client->get('{cart}:a')], [true, 'x']);
    check('an error is the one of Redis', [$client->lPush('text', 'x'), substr($client->getLastError(), 0, 9)], [false, 'WRONGTYPE']);
}

$client = connect($port);
dataTypes($client);
manyKeys($client);
together($client);
check('PUBLISH', [$client->publish('nobody', 'x'), $client->pubsub('numpat'), $client->pubsub('channels')], [0, 0, []]);

$first = connect($port, 1);
check('database 1 is another', [$first->get('text'), $first->set('text', 'one'), $client->get('text')], [false, true, 'y']);
$secured = connect($securedPort, 2, $password);
check('a password and database 2', [$secured->set('secret', '1'), $secured->get('secret')], [true, '1']);
checkFails('a wrong password', fn() => connect($securedPort, 0, 'wrong'), '/WRONGPASS/');
checkFails('no password', fn() => connect($securedPort)->get('secret'), '/NOAUTH/');

foreach (['nodes', 'server'] as $what) {
    restart($what);
    check("SET after a restart of the $what", eventually(fn() => $client->set('again', $what)), true);
    check('in database 1 too', [eventually(fn() => $first->set('again', 'one')), $client->get('again')], [true, $what]);
    check('and with the password', eventually(fn() => $secured->set('again', $what)), true);
}
done();
