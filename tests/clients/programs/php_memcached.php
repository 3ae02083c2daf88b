<?php
// php-memcached, which is libmemcached, with the protocol that the argument says: text, its default, or binary.
declare(strict_types=1);
require __DIR__ . '/checks.php';

$client = new Memcached();
$client->setOption(Memcached::OPT_BINARY_PROTOCOL, $argv[1] === 'binary');
$client->setOption(Memcached::OPT_RETRY_TIMEOUT, 0);
$client->addServer('127.0.0.1', $port);
check('set, get', [$client->set('text', ['deep' => ['ü', 1]]), $client->get('text'), $client->get('none')], [true, ['deep' => ['ü', 1]], false]);
check('which is not found', $client->getResultCode(), Memcached::RES_NOTFOUND);
check('add, replace', [$client->add('text', 1), $client->replace('none', 1), $client->add('new', $binary), $client->get('new')],
    [false, false, true, $binary]);
$many = array_combine(names(200), range(0, 199));
check('setMulti, getMulti', [$client->setMulti($many), $client->getMulti([...array_keys($many), 'none'])], [true, $many]);
check('deleteMulti', [array_unique($client->deleteMulti(array_keys($many))), $client->getMulti(array_keys($many))], [['many:0' => true], []]);
$client->set('count', 1);
check('increment, decrement', [$client->increment('count', 41), $client->decrement('count'), $client->increment('none')], [42, 41, false]);
$token = $client->get('count', null, Memcached::GET_EXTENDED)['cas'];
check('cas', [$client->cas($token, 'count', 7), $client->cas($token, 'count', 8), $client->get('count')], [true, false, 7]);
$client->setOption(Memcached::OPT_COMPRESSION, false);
$client->set('word', 'b');
check('append, prepend', [$client->append('word', 'c'), $client->prepend('word', 'a'), $client->get('word')], [true, true, 'abc']);
check('touch, delete', [$client->touch('word', 100), $client->delete('word'), $client->delete('word')], [true, true, false]);
check('a large value', [$client->set('large', str_repeat($binary, 3000)), strlen($client->get('large'))], [true, 768_000]);
check('one too large', [$client->set('large', $large), $client->get('text')], [false, ['deep' => ['ü', 1]]]);
check('and the old one is gone', [$client->get('large'), $client->getResultCode()], [false, Memcached::RES_NOTFOUND]);
$client->setMulti($many);
$client->getDelayed(array_keys($many));
check('getDelayed', count($client->fetchAll()), 200);
$client->setOption(Memcached::OPT_BUFFER_WRITES, true);
foreach ($many as $key => $number) $client->set($key, "b$number");
check('buffered writes', [$client->flushBuffers(), $client->get('many:199')], [true, 'b199']);
$client->setOption(Memcached::OPT_BUFFER_WRITES, false);
check('getVersion', count($client->getVersion()), 1);
check('getStats', array_values($client->getStats())[0]['curr_items'] > 0, true);
check('flush', [$client->flush(), $client->get('text')], [true, false]);

// What the keys of a node that is down read, and that all others are right, then and later.
$many = array_map(fn($key) => str_repeat($key, 500), array_combine(names(60, 'key'), names(60, 'key')));
$client->setMulti($many);
killNode();
$failed = [];
foreach ($many as $key => $value) {
    $read = $client->get($key);
    if ($read !== $value) $failed[$key] = [$read, $client->getResultMessage()];
}
echo count($failed), ' of 60 keys read ', json_encode(array_count_values(array_column($failed, 1))), "\n";
check('a node is down', [count($failed) > 0, array_unique(array_column($failed, 0))], [true, [false]]);
check('its keys cannot be set', array_filter(array_keys($failed), fn($key) => $client->set($key, 1)), []);
$several = $client->getMulti(array_keys($many));
echo 'getMulti reads ', $several === false ? $client->getResultMessage() : count($several), "\n";
check('what getMulti reads is right', array_diff_assoc($several ?: [], $many), []);
restart('nodes');
check('the node is back', eventually(fn() => $client->setMulti($many) && $client->getMulti(array_keys($many)) === $many), true);
restart('server');
check('after a restart of the server', [eventually(fn() => $client->set('again', 1)), $client->get('again')], [true, 1]);
done();
