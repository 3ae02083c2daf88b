// rate-limiter-flexible with the client that the argument names.
'use strict';
const { RateLimiterRedis, RateLimiterMemcache } = require('rate-limiter-flexible');
const { port, check, main } = require('./checks');

const RULES = { points: 3, duration: 60 };

async function limiter(client) {
  if (client === 'memcached') {
    const Memcached = require('memcached');
    return new RateLimiterMemcache({ ...RULES, storeClient: new Memcached(`127.0.0.1:${port}`) });
  }
  if (client === 'ioredis') {
    const Redis = require('ioredis');
    return new RateLimiterRedis({ ...RULES, storeClient: new Redis(port) });
  }
  const { createClient } = require('redis');
  const storeClient = await createClient({ url: `redis://127.0.0.1:${port}` }).on('error', () => {}).connect();
  return new RateLimiterRedis({ ...RULES, storeClient, useRedisPackage: true });
}

main(async () => {
  const limit = await limiter(process.argv[2]);
  const consume = (key, points = 1, by = limit) => by.consume(key, points).then((result) => result.remainingPoints, (refusal) => {
    if (refusal instanceof Error) throw refusal;
    return `wait ${Math.ceil(refusal.msBeforeNext / 10_000) * 10} s`;
  });
  check('three are let through and the fourth waits', [await consume('a'), await consume('a'), await consume('a'), await consume('a')],
    [2, 1, 0, 'wait 60 s']);
  const visitors = Array.from({ length: 50 }, (_, i) => `visitor:${i}`);
  const left = await Promise.all(visitors.map((visitor) => consume(visitor)));
  check('others are not held up', left, Array(50).fill(2));
  const limits = await Promise.all(Array.from({ length: 5 }, () => limiter(process.argv[2])));
  const outcomes = await Promise.all(Array.from({ length: 100 }, (_, i) => consume('crowd', 1, limits[i % 5])));
  check('of a hundred at once over five clients three are let through', outcomes.filter((outcome) => typeof outcome === 'number').sort(), [0, 1, 2]);
  check('and all are counted', (await limit.get('crowd')).consumedPoints, 100);
  check('a penalty', (await limit.penalty('a', 2)).consumedPoints, 6);
  if (process.argv[2] !== 'memcached') {  // It has no negative numbers.
    check('a reward', [(await limit.reward('a', 2)).consumedPoints, (await limit.get('a')).consumedPoints], [4, 4]);
  }
  await limit.block('b', 30);
  check('a block', [(await limit.get('b')).consumedPoints, await consume('b')], [4, 'wait 30 s']);
  await limit.set('c', 2, 60);
  check('a number that is set', [await consume('c'), await consume('c')], [0, 'wait 60 s']);
  check('an end to it', [await limit.delete('c'), await limit.get('c'), await consume('c')], [true, null, 2]);
});
