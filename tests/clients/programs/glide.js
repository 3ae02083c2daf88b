// Valkey GLIDE: RESP3 by default.
'use strict';
const { GlideClient, Batch, Script, Decoder, ProtocolVersion } = require('@valkey/valkey-glide');
const { port, securedPort, password, check, checkFails, eventually, restart, main, names, binary, large } = require('./checks');

const connect = (options = {}, toPort = port) =>
  GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port: toPort }], requestTimeout: 5000, ...options });

async function dataTypes(client) {
  check('SET, GET', [await client.set('text', 'grüße'), await client.get('text'), await client.get('none')], ['OK', 'grüße', null]);
  check('SET NX, GET', [await client.set('text', 'x', { conditionalSet: 'onlyIfDoesNotExist' }),
    await client.set('text', 'y', { returnOldValue: true })], [null, 'grüße']);
  check('EXPIRE, TTL', [await client.expire('text', 100), await client.ttl('text')], [true, 100]);
  check('INCR', [await client.incr('count'), await client.incrBy('count', 41), await client.incrByFloat('float', 1.5)], [1, 42, 1.5]);
  await client.hset('hash', { a: '1', b: '2' });
  check('HGETALL', await client.hgetall('hash'), [{ field: 'a', value: '1' }, { field: 'b', value: '2' }]);
  check('HMGET, HEXISTS', [await client.hmget('hash', ['a', 'none']), await client.hexists('hash', 'b')], [['1', null], true]);
  await client.rpush('list', ['one', 'two', 'three']);
  check('LRANGE, LPOP', [await client.lrange('list', 0, -1), await client.lpop('list')], [['one', 'two', 'three'], 'one']);
  await client.sadd('set', ['x', 'y']);
  check('SMEMBERS', [...(await client.smembers('set'))].sort(), ['x', 'y']);
  await client.zadd('ranking', { low: 1.5, high: Infinity });
  check('ZSCORE', [await client.zscore('ranking', 'low'), await client.zscore('ranking', 'none')], [1.5, null]);
  check('ZRANGE WITHSCORES', await client.zrangeWithScores('ranking', { start: 0, end: -1 }),
    [{ element: 'low', score: 1.5 }, { element: 'high', score: Infinity }]);
  const id = await client.xadd('stream', [['field', 'value']]);
  check('XREAD', await client.xread({ stream: '0' }), [{ key: 'stream', value: { [id]: [['field', 'value']] } }]);
}

async function manyKeys(client) {
  const keys = names(500);
  await client.mset(Object.fromEntries(keys.map((key, i) => [key, String(i)])));
  check('MGET of 500 keys', await client.mget([...keys, 'none']), [...keys.map((_, i) => String(i)), null]);
  const found = new Set();
  let cursor = '0';
  do {
    const [next, page] = await client.scan(cursor, { match: 'many:*', count: 50 });
    page.forEach((key) => found.add(key));
    cursor = next;
  } while (cursor !== '0');
  check('scan', keys.filter((key) => !found.has(key)), []);
  check('DEL of 500 keys', await client.del(keys), 500);
  const replies = await Promise.all(keys.map((key, i) => (i % 2 ? client.set(key, `p${i}`) : client.incr(key))));
  check('500 commands at once, in one pipeline', replies, keys.map((_, i) => (i % 2 ? 'OK' : 1)));
  const batch = new Batch(false);
  keys.forEach((key) => batch.del([key]));
  check('a batch that is no transaction', await client.exec(batch, true), Array(500).fill(1));
  await client.set('binary', binary);
  await client.set('large', large);
  check('a value of all bytes', await client.get('binary', { decoder: Decoder.Bytes }), binary);
  check('a value of 3 MiB', large.equals(await client.get('large', { decoder: Decoder.Bytes })), true);
}

async function together(client) {
  const script = new Script("return {redis.call('incrby', KEYS[1], ARGV[1]), ARGV[2]}");
  check('a script', [await client.invokeScript(script, { keys: ['script'], args: ['5', 'x'] }),
    await client.invokeScript(script, { keys: ['script'], args: ['5', 'y'] })], [[5, 'x'], [10, 'y']]);
  const cart = new Batch(true).set('{cart}:a', '1').incr('{cart}:a').hset('{cart}:b', { f: 'v' }).hgetall('{cart}:b');
  check('a transaction', await client.exec(cart, true), ['OK', 2, 1, [{ key: 'f', value: 'v' }]]);
  await checkFails('a transaction with a command that fails', client.exec(new Batch(true).set('{cart}:a', 'x').incr('{cart}:a'), true), /not an integer/);
  check('which changed the others all the same', await client.get('{cart}:a'), 'x');
  await checkFails('an error is the one of Redis', client.lpush('text', ['x']), /Operation against a key|WRONGTYPE/);
}

main(async () => {
  const client = await connect();
  check('the connection speaks RESP3', /\bresp=3\b/.test(await client.customCommand(['CLIENT', 'INFO'])), true);
  await dataTypes(client);
  await manyKeys(client);
  await together(client);

  const first = await connect({ databaseId: 1 });
  check('database 1 is another', [await first.get('text'), await first.set('text', 'one'), await client.get('text')], [null, 'OK', 'y']);
  const old = await connect({ protocol: ProtocolVersion.RESP2 });
  check('RESP2 on request', [await old.get('text'), await old.zscore('ranking', 'low')], ['y', 1.5]);
  const secured = await connect({ credentials: { password }, databaseId: 2 }, securedPort);
  check('a password and database 2', [await secured.set('secret', '1'), await secured.get('secret')], ['OK', '1']);
  await checkFails('a wrong password', connect({ credentials: { password: 'wrong' } }, securedPort), /WRONGPASS|[Aa]uth/);

  for (const what of ['nodes', 'server']) {
    await restart(what);
    check(`SET after a restart of the ${what}`, await eventually(() => client.set('again', what)), 'OK');
    check('in database 1 too', [await eventually(() => first.set('again', 'one')), await client.get('again')], ['OK', what]);
    check('and with the password', await eventually(() => secured.set('again', what)), 'OK');
  }
});
