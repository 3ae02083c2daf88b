// redlock with ioredis.
'use strict';
const Redis = require('ioredis');
const Redlock = require('redlock');
const { port, check, checkFails, main } = require('./checks');

main(async () => {
  const client = new Redis(port);
  const locks = new Redlock([client], { retryCount: 1, retryDelay: 10 });
  const lock = await locks.lock('lock:order', 10_000);
  check('a lock is held', await client.exists('lock:order'), 1);
  await checkFails('another waits for it in vain', locks.lock('lock:order', 1000), /Exceeded 1 attempts to lock the resource/);
  const longer = await lock.extend(60_000);
  check('it can be held for longer', (await client.pttl('lock:order')) > 50_000, true);
  await longer.unlock();
  check('and let go', await client.exists('lock:order'), 0);
  const both = await locks.lock(['{order}:a', '{order}:b'], 1000);
  check('two of one hash tag', await client.exists('{order}:a', '{order}:b'), 2);
  await both.unlock();
  check('are let go together', await client.exists('{order}:a', '{order}:b'), 0);
});
