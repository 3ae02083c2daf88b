// node-redis: RESP3 by default.
'use strict';
const { createClient, createClientPool, RESP_TYPES } = require('redis');
const { port, securedPort, password, check, checkFails, eventually, inbox, restart, main, names, binary, large } = require('./checks');

const SCRIPT = "return {redis.call('incrby', KEYS[1], ARGV[1]), ARGV[2]}";
const errors = [];

async function connect(options) {
  const client = createClient(options);
  client.on('error', (error) => errors.push(String(error)));
  return client.connect();
}

async function dataTypes(client) {
  check('SET, GET', [await client.set('text', 'grüße'), await client.get('text'), await client.get('none')], ['OK', 'grüße', null]);
  check('SET NX, GET', [await client.set('text', 'x', { condition: 'NX' }), await client.set('text', 'y', { GET: true })], [null, 'grüße']);
  check('EXPIRE, TTL', [await client.expire('text', 100), await client.ttl('text'), await client.ttl('none')], [1, 100, -2]);
  check('INCR', [await client.incr('count'), await client.incrBy('count', 41), await client.incrByFloat('float', 1.5)], [1, 42, '1.5']);
  await client.hSet('hash', { a: '1', b: '2' });
  check('HGETALL', { ...(await client.hGetAll('hash')) }, { a: '1', b: '2' });
  check('HMGET, HEXISTS', [await client.hmGet('hash', ['a', 'none']), await client.hExists('hash', 'b')], [['1', null], 1]);
  await client.rPush('list', ['one', 'two', 'three']);
  check('LRANGE, LPOP', [await client.lRange('list', 0, -1), await client.lPop('list')], [['one', 'two', 'three'], 'one']);
  await client.sAdd('set', ['x', 'y']);
  check('SMEMBERS', (await client.sMembers('set')).sort(), ['x', 'y']);
  await client.zAdd('ranking', [{ score: 1.5, value: 'low' }, { score: Infinity, value: 'high' }]);
  check('ZSCORE', [await client.zScore('ranking', 'low'), await client.zScore('ranking', 'none')], [1.5, null]);
  check('ZRANGE WITHSCORES', await client.zRangeWithScores('ranking', 0, -1),
    [{ value: 'low', score: 1.5 }, { value: 'high', score: Infinity }]);
  const id = await client.xAdd('stream', '*', { field: 'value' });
  const [{ messages }] = await client.xRead({ key: 'stream', id: '0' });
  check('XREAD', messages.map((message) => [message.id, { ...message.message }]), [[id, { field: 'value' }]]);
  check('HSCAN', (await client.hScan('hash', '0')).entries.map(({ field, value }) => field + value), ['a1', 'b2']);
}

async function manyKeys(client) {
  const keys = names(500);
  await client.mSet(keys.map((key, i) => [key, String(i)]));
  check('MGET of 500 keys', await client.mGet([...keys, 'none']), [...keys.map((_, i) => String(i)), null]);
  const found = new Set();
  for await (const page of client.scanIterator({ COUNT: 50 })) page.forEach((key) => found.add(key));
  check('scanIterator', keys.filter((key) => !found.has(key)), []);
  check('DEL of 500 keys', await client.del(keys), 500);
  const replies = await Promise.all(keys.map((key, i) => (i % 2 ? client.set(key, `p${i}`) : client.incr(key))));
  check('500 commands at once, in one pipeline', replies, keys.map((_, i) => (i % 2 ? 'OK' : 1)));
  const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await client.set('binary', binary);
  await client.set('large', large);
  check('a value of all bytes', await buffers.get('binary'), binary);
  check('a value of 3 MiB', large.equals(await buffers.get('large')), true);
}

async function together(client) {
  check('EVAL', await client.eval(SCRIPT, { keys: ['script'], arguments: ['5', 'x'] }), [5, 'x']);
  const sha = await client.scriptLoad(SCRIPT);
  check('EVALSHA', await client.evalSha(sha, { keys: ['script'], arguments: ['5', 'y'] }), [10, 'y']);
  check('MULTI, EXEC', await client.multi().set('{cart}:a', '1').incr('{cart}:a').hSet('{cart}:b', 'f', 'v').hGetAll('{cart}:b').exec()
    .then((replies) => replies.map((reply) => (typeof reply === 'object' ? { ...reply } : reply))), ['OK', 2, 1, { f: 'v' }]);
  await checkFails('EXEC with a command that fails', client.multi().set('{cart}:a', 'x').incr('{cart}:a').exec(), /1 commands failed|not an integer/);
  check('which changed the others all the same', await client.get('{cart}:a'), 'x');
  await checkFails('an error is the one of Redis', client.lPush('text', 'x'), /^WRONGTYPE Operation against a key/);
}

async function messages(client) {
  const received = inbox();
  const listener = client.duplicate();
  listener.on('error', (error) => errors.push(String(error)));
  await listener.connect();
  await listener.subscribe('news', (message, channel) => received.add('channel', channel, message));
  await listener.pSubscribe('ne*', (message, channel) => received.add('pattern', channel, message));
  await listener.sSubscribe('shard', (message, channel) => received.add('shard', channel, message));
  check('PUBLISH', [await client.publish('news', 'grüße'), await client.publish('nobody', 'x')], [2, 0]);
  check('the messages', await received.take(2), [['channel', 'news', 'grüße'], ['pattern', 'news', 'grüße']]);
  check('SPUBLISH', [await client.sPublish('shard', 'x'), await received.take(1)], [1, [['shard', 'shard', 'x']]]);
  check('PUBSUB', [await client.pubSubNumPat(), { ...(await client.pubSubNumSub(['news', 'none'])) }, await client.pubSubChannels()],
    [1, { news: 1, none: 0 }, ['news']]);
  await listener.pUnsubscribe('ne*');
  await listener.sUnsubscribe('shard');
  return received;
}

main(async () => {
  const client = await connect({ url: `redis://127.0.0.1:${port}` });
  check('the connection speaks RESP3', /\bresp=3\b/.test(await client.sendCommand(['CLIENT', 'INFO'])), true);
  await dataTypes(client);
  await manyKeys(client);
  await together(client);
  const received = await messages(client);

  const first = await connect({ url: `redis://127.0.0.1:${port}/1` });
  check('database 1 is another', [await first.get('text'), await first.set('text', 'one'), await client.get('text')], [null, 'OK', 'y']);
  await first.select(0);
  check('SELECT 0', await first.get('text'), 'y');
  await first.select(1);
  const old = await connect({ url: `redis://127.0.0.1:${port}`, RESP: 2 });
  check('RESP2 on request', [await old.get('text'), { ...(await old.hGetAll('hash')) }], ['y', { a: '1', b: '2' }]);
  const mixed = names(200, 'mixed');
  await Promise.all(mixed.flatMap((key) => [client.set(key, 'zero'), first.set(key, 'one'), old.incr(`old:${key}`)]));
  check('at the same time none reads what is another\'s', await Promise.all([client.mGet(mixed), first.mGet(mixed), old.mGet(mixed), first.exists('old:mixed:0')]),
    [Array(200).fill('zero'), Array(200).fill('one'), Array(200).fill('zero'), 0]);
  const pool = createClientPool({ url: `redis://127.0.0.1:${port}` }, { minimum: 4 });
  pool.on('error', (error) => errors.push(String(error)));
  await pool.connect();
  check('a pool of clients', await Promise.all(names(100, 'pool').map((key) => pool.set(key, '1'))), Array(100).fill('OK'));
  await pool.close();

  const secured = await connect({ url: `redis://:${password}@127.0.0.1:${securedPort}/2` });
  check('a password and database 2', [await secured.set('secret', '1'), await secured.get('secret')], ['OK', '1']);
  const locked = createClient({ url: `redis://:wrong@127.0.0.1:${securedPort}`, socket: { reconnectStrategy: false } });
  locked.on('error', () => {});
  await checkFails('a wrong password', locked.connect(), /WRONGPASS|invalid/);
  check('no error was reported meanwhile', errors, []);

  for (const what of ['nodes', 'server']) {
    await restart(what);
    check(`SET after a restart of the ${what}`, await eventually(() => client.set('again', what)), 'OK');
    check('the subscription is there again', await eventually(async () => {
      if (await client.publish('news', what) !== 1) throw new Error('nobody listens');
      return (await received.take(1))[0][2];
    }), what);
    check(`HGETALL after it`, { ...(await client.hGetAll('none')) }, {});
    check('in database 1 too', [await eventually(() => first.set('again', 'one')), await client.get('again')], ['OK', what]);
    check('and with the password', await eventually(() => secured.set('again', what)), 'OK');
  }
});
