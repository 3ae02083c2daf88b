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
  let inside = 0;
  let most = 0;
  const patient = new Redlock([new Redis(port)], { retryCount: 1000, retryDelay: 5 });
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const mine = await (i % 2 ? patient : new Redlock([client], { retryCount: 1000, retryDelay: 5 })).lock('lock:till', 20_000);
    most = Math.max(most, inside += 1);
    await client.set('till', Number(await client.get('till')) + 1);
    inside -= 1;
    await mine.unlock();
  }));
  check('of twenty each has it once, one at a time', [await client.get('till'), most], ['20', 1]);
  const both = await locks.lock(['{order}:a', '{order}:b'], 1000);
  check('two of one hash tag', await client.exists('{order}:a', '{order}:b'), 2);
  await both.unlock();
  check('are let go together', await client.exists('{order}:a', '{order}:b'), 0);
});
