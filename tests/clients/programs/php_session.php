<?php
// PHP's sessions, in Redis or in memcached, as the argument says; in memcached with the protocol that is PHP's default, binary, or in text.
declare(strict_types=1);
require __DIR__ . '/checks.php';

$redis = $argv[1] === 'redis';
ini_set('session.save_handler', $argv[1]);
ini_set('session.save_path', $redis ? "tcp://127.0.0.1:$securedPort?auth=$password&database=1" : "127.0.0.1:$port");
ini_set('redis.session.locking_enabled', '1');
if (($argv[2] ?? '') === 'text') ini_set('memcached.sess_binary_protocol', '0');
ini_set('session.use_cookies', '0');  // There is no browser.
ini_set('session.use_only_cookies', '0');
ini_set('session.cache_limiter', '');
ob_start();  // What is printed would count as sent headers.

function visit(string $id, callable $action) {
    session_id($id);
    session_start();
    $result = $action();
    session_write_close();
    $_SESSION = [];
    return $result;
}

check('a session begins', visit('visitor1', fn() => $_SESSION['cart'] = ['book', 'pen']), ['book', 'pen']);
check('and goes on', visit('visitor1', fn() => $_SESSION['cart']), ['book', 'pen']);
check('another is empty', visit('visitor2', fn() => $_SESSION), []);
visit('visitor1', fn() => $_SESSION['large'] = str_repeat('x', 500_000));
check('a large one', visit('visitor1', fn() => strlen($_SESSION['large'])), 500_000);
if ($redis) {
    $client = new Redis();
    $client->connect('127.0.0.1', $securedPort);
    $client->auth($password);
    check('none is in database 0', $client->exists('PHPREDIS_SESSION:visitor1'), 0);
    $client->select(1);
    check('it is in database 1', $client->exists('PHPREDIS_SESSION:visitor1'), 1);
    check('it is locked while it is open', visit('visitor1', fn() => $client->exists('PHPREDIS_SESSION:visitor1_LOCK')), 1);
    check('and not afterwards', $client->exists('PHPREDIS_SESSION:visitor1_LOCK'), 0);
}
if (!$redis) {
    $client = new Memcached();
    $client->addServer('127.0.0.1', $port);
    $locked = fn() => $client->get('memc.sess.key.lock.visitor1') !== false;
    check('it is locked while it is open', [visit('visitor1', $locked), $locked()], [true, false]);
}
check('the number of a session changes at the sign-in', visit('visitor1', fn() => session_regenerate_id(true)), true);
check('its data is no longer under the old one', visit('visitor1', fn() => $_SESSION), []);
check('an end to it', visit('visitor1', fn() => session_destroy()), true);
for ($i = 0; $i < 50; $i++) visit("crowd$i", fn() => $_SESSION['number'] = $i);
check('fifty visitors', array_map(fn($i) => visit("crowd$i", fn() => $_SESSION['number']), range(0, 49)), range(0, 49));
if (!$redis) {
    restart('nodes');  // They forget, and nobody's lock is left.
    check('nodes have forgotten', eventually(fn() => visit('crowd1', fn() => ['none' => $_SESSION])), ['none' => []]);
    check('and remember again', [visit('crowd1', fn() => $_SESSION['number'] = 7), visit('crowd1', fn() => $_SESSION['number'])], [7, 7]);
    restart('server');
    check('after a restart of the server', eventually(fn() => visit('crowd1', fn() => $_SESSION['number'] = 8)), 8);
}
done();
