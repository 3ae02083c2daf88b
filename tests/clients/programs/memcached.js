// memcached of npm.
'use strict';
const { promisify } = require('node:util');
const Memcached = require('memcached');
const { port, check, checkFails, eventually, restart, main, names, binary } = require('./checks');

main(async () => {
  const client = new Memcached(`127.0.0.1:${port}`, { retries: 0, failures: 1000, reconnect: 20, retry: 20 });
  const call = (method, ...parameters) => promisify(client[method]).call(client, ...parameters);
  check('set, get', [await call('set', 'text', { deep: ['ü', 1] }, 100), await call('get', 'text'), await call('get', 'none')],
    [true, { deep: ['ü', 1] }, undefined]);
  await checkFails('add of one that is there', call('add', 'text', 1, 100), /not stored/i);
  check('replace', await call('replace', 'text', 'new', 100), true);
  await Promise.all(names(200).map((key, i) => call('set', key, i, 100)));
  check('getMulti', await call('getMulti', [...names(200), 'none']), Object.fromEntries(names(200).map((key, i) => [key, i])));
  await call('set', 'count', 1, 100);
  check('incr, decr', [await call('incr', 'count', 41), await call('decr', 'count', 1)], [42, 41]);
  const { count, cas } = await call('gets', 'count');
  check('cas', [count, await call('cas', 'count', 7, cas, 100), await call('get', 'count')], [41, true, 7]);
  await call('set', 'word', 'b', 100);
  check('append, prepend', [await call('append', 'word', 'c'), await call('prepend', 'word', 'a'), await call('get', 'word')], [true, true, 'abc']);
  check('touch, del', [await call('touch', 'word', 100), await call('del', 'word'), await call('get', 'word')], [true, true, undefined]);
  check('a value of all bytes', [await call('set', 'binary', binary, 100), await call('get', 'binary')], [true, binary]);
  const [stats] = await call('stats');
  check('stats', [Number(stats.curr_items) > 100, /^\d+\.\d+/.test(stats.version)], [true, true]);
  await call('flush');
  check('flush', await call('get', 'text'), undefined);
  await restart('server');
  check('after a restart of the server', await eventually(() => call('set', 'again', 1, 100)), true);
  check('it is there', await call('get', 'again'), 1);
});
