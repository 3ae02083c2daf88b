// @keyv/memcache, which is memjs, under keyv.
'use strict';
const { Keyv } = require('keyv');
const { default: KeyvMemcache } = require('@keyv/memcache');
const { port, check, eventually, restart, killNode, main, names } = require('./checks');

main(async () => {
  const errors = [];
  const keyv = new Keyv(new KeyvMemcache(`127.0.0.1:${port}`, { timeout: 20, retries: 1, logger: { log: () => {} } }), { namespace: 'shop' });
  keyv.on('error', (error) => errors.push(error.message));
  check('set, get', [await keyv.set('a', { deep: ['ü', 1] }), await keyv.get('a'), await keyv.get('none')], [true, { deep: ['ü', 1] }, undefined]);
  check('has', [await keyv.has('a'), await keyv.has('none')], [true, false]);
  await Promise.all(names(50).map((key, i) => keyv.set(key, i, 60_000)));
  check('getMany', await keyv.getMany([...names(50), 'none']), [...names(50).keys(), undefined]);
  check('delete', [await keyv.delete('a'), await keyv.delete('a')], [true, false]);
  check('deleteMany', [await keyv.deleteMany(names(50)), await keyv.get('many:0')], [true, undefined]);
  check('no error was reported', errors, []);
  await Promise.all(names(60, 'key').map((key, i) => keyv.set(key, i)));
  await killNode();
  const read = await Promise.all(names(60, 'key').map((key) => keyv.get(key)));
  const missed = read.filter((value, i) => value !== i);
  check('what a dead node had is a miss', [missed.length > 0, missed.every((value) => value === undefined), errors.length > 0], [true, true, true]);
  console.log(`${missed.length} of 60 keys are misses, and the errors are ${[...new Set(errors)]}`);
  await restart('nodes');
  const store = async (key, i) => { if (!await keyv.set(key, i) || await keyv.get(key) !== i) throw new Error('not stored'); };
  check('the node is back', (await Promise.all(names(60, 'key').map((key, i) => eventually(() => store(key, i))))).length, 60);
  await keyv.clear();
  check('clear', await keyv.get('key:1'), undefined);
});
