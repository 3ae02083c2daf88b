<?php
// php-memcached, which is libmemcached, with the text protocol, its default.
declare(strict_types=1);
require __DIR__ . '/checks.php';

$client = new Memcached();
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
restart('server');
check('after a restart of the server', [eventually(fn() => $client->set('again', 1)), $client->get('again')], [true, 1]);
done();
