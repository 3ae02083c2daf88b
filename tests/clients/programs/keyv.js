// keyv in Redis. The namespace is a hash tag, for it sets several keys in one transaction.
'use strict';
const { Keyv } = require('keyv');
const { default: KeyvRedis } = require('@keyv/redis');
const { port, check, eventually, main } = require('./checks');

main(async () => {
  const errors = [];
  const keyv = new Keyv(new KeyvRedis(`redis://127.0.0.1:${port}/1`), { namespace: '{shop}' });
  keyv.on('error', (error) => errors.push(String(error)));
  check('set, get', [await keyv.set('a', { deep: ['ü', 1] }), await keyv.get('a'), await keyv.get('none')], [true, { deep: ['ü', 1] }, undefined]);
  check('has', [await keyv.has('a'), await keyv.has('none')], [true, false]);
  await keyv.set('short', 1, 30);
  const gone = async () => { if (await keyv.has('short')) throw new Error('it lives on'); };
  check('a time to live', [await eventually(gone), await keyv.get('short')], [undefined, undefined]);
  await keyv.setMany([{ key: 'b', value: 1 }, { key: 'c', value: 2, ttl: 60_000 }]);
  check('setMany, getMany', await keyv.getMany(['b', 'c', 'none']), [1, 2, undefined]);
  check('delete', [await keyv.delete('a'), await keyv.delete('a')], [true, false]);
  check('deleteMany', [await keyv.deleteMany(['b', 'c']), await keyv.get('b')], [true, undefined]);
  await keyv.set('last', 1);
  await keyv.clear();
  check('clear', [await keyv.get('last'), await keyv.has('last')], [undefined, false]);
  check('no error was reported', errors, []);
});
