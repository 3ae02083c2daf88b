<?php
// Laravel's cache, its locks and its limiter, in Redis through predis.
declare(strict_types=1);
require __DIR__ . '/checks.php';
error_reporting(E_ALL & ~E_DEPRECATED);  // Its release is older than PHP 8.2.
set_error_handler(function ($number, $text) { throw new ErrorException($text); }, E_ALL & ~E_DEPRECATED);
require 'Illuminate/Redis/autoload.php';
require 'Illuminate/Cache/autoload.php';
require 'Predis/autoload.php';

use Illuminate\Cache\RateLimiter;
use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Redis\RedisManager;

$redis = new RedisManager(null, 'predis', [
    'default' => ['host' => '127.0.0.1', 'port' => $port, 'database' => 0],
    'cache' => ['host' => '127.0.0.1', 'port' => $port, 'database' => 1],
]);
$store = new RedisStore($redis, '{shop}', 'cache');  // A hash tag, for it sets several keys in one transaction.
$cache = new Repository($store);

check('put, get', [$cache->put('a', ['deep' => [1, 'ü']], 60), $cache->get('a'), $cache->get('none')], [true, ['deep' => [1, 'ü']], null]);
check('add', [$cache->add('a', 1, 60), $cache->add('b', 2, 60), (int)$cache->get('b')], [false, true, 2]);
check('putMany, many', [$cache->putMany(['c' => 'x', 'd' => 'y'], 60), $cache->many(['c', 'd', 'none'])], [true, ['c' => 'x', 'd' => 'y', 'none' => null]]);
check('increment', [$cache->increment('count'), $cache->increment('count', 41), $cache->decrement('count')], [1, 42, 41]);
check('remember', [$cache->remember('made', 60, fn() => 'x'), $cache->remember('made', 60, fn() => 'y')], ['x', 'x']);
check('forget', [$cache->forget('a'), $cache->get('a')], [true, null]);
$cache->tags(['people'])->put('ann', 1, 60);
check('tags', [(int)$cache->tags(['people'])->get('ann'), $cache->tags(['people'])->flush(), $cache->tags(['people'])->get('ann')], [1, true, null]);
$lock = $store->lock('lock', 10);
check('a lock', [$lock->get(), $store->lock('lock', 10)->get(), $lock->release(), $store->lock('lock', 10)->get()], [true, false, true, true]);
$limiter = new RateLimiter($cache);
check('a limiter', [array_map(fn() => $limiter->hit('visitor', 60), [1, 2, 3]), $limiter->tooManyAttempts('visitor', 3)], [[1, 2, 3], true]);
$redis->connection('default')->set('kept', '1');
check('cache:clear empties its database', [$cache->clear(), $cache->get('b')], [true, null]);
check('and no other', $redis->connection('default')->get('kept'), '1');
done();
