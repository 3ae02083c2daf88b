// ioredis, of the package that the argument names: ioredis (6: RESP3 by default), ioredis5, iovalkey.
'use strict';
const { port, securedPort, password, check, checkFails, eventually, inbox, restart, main, names, binary, large } = require('./checks');
const Redis = require(process.argv[2]);

const errors = [];

function connect(...parameters) {
  const client = new Redis(...parameters);
  client.on('error', (error) => errors.push(String(error)));
  return client;
}

async function dataTypes(client) {
  check('SET, GET', [await client.set('text', 'grüße'), await client.get('text'), await client.get('none')], ['OK', 'grüße', null]);
  check('SET NX, GET', [await client.set('text', 'x', 'NX'), await client.set('text', 'y', 'GET')], [null, 'grüße']);
  check('EXPIRE, TTL', [await client.expire('text', 100), await client.ttl('text'), await client.ttl('none')], [1, 100, -2]);
  check('INCR', [await client.incr('count'), await client.incrby('count', 41), await client.incrbyfloat('float', 1.5)], [1, 42, '1.5']);
  await client.hset('hash', { a: '1', b: '2' });
  check('HGETALL', { ...(await client.hgetall('hash')) }, { a: '1', b: '2' });
  check('HMGET, HEXISTS', [await client.hmget('hash', 'a', 'none'), await client.hexists('hash', 'b')], [['1', null], 1]);
  await client.rpush('list', 'one', 'two', 'three');
  check('LRANGE, LPOP', [await client.lrange('list', 0, -1), await client.lpop('list')], [['one', 'two', 'three'], 'one']);
  await client.sadd('set', 'x', 'y');
  check('SMEMBERS', [...(await client.smembers('set'))].sort(), ['x', 'y']);
  await client.zadd('ranking', 1.5, 'low', 2, 'high');
  check('ZSCORE', [Number(await client.zscore('ranking', 'low')), await client.zscore('ranking', 'none')], [1.5, null]);
  check('ZRANGE WITHSCORES', (await client.zrange('ranking', 0, -1, 'WITHSCORES')).flat().map(String), ['low', '1.5', 'high', '2']);
  const id = await client.xadd('stream', '*', 'field', 'value');
  check('XRANGE', await client.xrange('stream', '-', '+'), [[id, ['field', 'value']]]);
  check('HSCAN', (await client.hscan('hash', 0))[1], ['a', '1', 'b', '2']);
}

async function manyKeys(client) {
  const keys = names(500);
  await client.mset(Object.fromEntries(keys.map((key, i) => [key, String(i)])));
  check('MGET of 500 keys', await client.mget(...keys, 'none'), [...keys.map((_, i) => String(i)), null]);
  const found = new Set();
  for await (const page of client.scanStream({ match: 'many:*', count: 50 })) page.forEach((key) => found.add(key));
  check('scanStream', keys.filter((key) => !found.has(key)), []);
  check('DEL of 500 keys', await client.del(...keys), 500);
  const pipeline = client.pipeline();
  keys.forEach((key, i) => (i % 2 ? pipeline.set(key, `p${i}`) : pipeline.incr(key)));
  check('a pipeline of 500 commands', await pipeline.exec(), keys.map((_, i) => [null, i % 2 ? 'OK' : 1]));
  await client.set('binary', binary);
  await client.set('large', large);
  check('a value of all bytes', await client.getBuffer('binary'), binary);
  check('a value of 3 MiB', large.equals(await client.getBuffer('large')), true);
}

async function together(client) {
  client.defineCommand('add', { numberOfKeys: 1, lua: "return {redis.call('incrby', KEYS[1], ARGV[1]), ARGV[2]}" });
  check('a command of one\'s own', [await client.add('script', 5, 'x'), await client.add('script', 5, 'y')], [[5, 'x'], [10, 'y']]);
  check('MULTI, EXEC', await client.multi().set('{cart}:a', '1').incr('{cart}:a').lpush('{cart}:b', 'v').exec(),
    [[null, 'OK'], [null, 2], [null, 1]]);
  check('MULTI without a pipeline', [await client.multi({ pipeline: false }), await client.incr('{cart}:a'), await client.exec()],
    ['OK', 'QUEUED', [[null, 3]]]);
  const [[, first], [second]] = await client.multi().set('{cart}:a', 'x').incr('{cart}:a').exec();
  check('EXEC with a command that fails', [first, second.message], ['OK', 'ERR value is not an integer or out of range']);
  await checkFails('an error is the one of Redis', client.lpush('text', 'x'), /^WRONGTYPE Operation against a key/);
}

async function messages(client) {
  const listener = connect(port);
  const received = inbox();
  listener.on('message', received.add);
  listener.on('pmessage', received.add);
  check('SUBSCRIBE, PSUBSCRIBE', [await listener.subscribe('news', 'more'), await listener.psubscribe('ne*')], [2, 3]);
  check('PUBLISH', [await client.publish('news', 'grüße'), await client.publish('nobody', 'x')], [2, 0]);
  check('the messages', await received.take(2), [['news', 'grüße'], ['ne*', 'news', 'grüße']]);
  check('PUBSUB', [await client.pubsub('NUMSUB', 'news', 'none'), await client.pubsub('NUMPAT')], [['news', 1, 'none', 0], 1]);
  check('UNSUBSCRIBE', [await listener.punsubscribe('ne*'), await listener.unsubscribe('more')], [2, 1]);
  return received;
}

main(async () => {
  const client = connect(port);
  const resp = process.argv[2] === 'ioredis' ? 'resp=3' : 'resp=2';
  check(`the connection speaks ${resp}`, (await client.client('INFO')).includes(resp), true);
  await dataTypes(client);
  await manyKeys(client);
  await together(client);
  const received = await messages(client);

  const first = connect({ port, db: 1 });
  check('database 1 is another', [await first.get('text'), await first.set('text', 'one'), await client.get('text')], [null, 'OK', 'y']);
  await first.select(0);
  check('SELECT 0', await first.get('text'), 'y');
  await first.select(1);
  const secured = connect(`redis://:${password}@127.0.0.1:${securedPort}/2`);
  check('a password and database 2', [await secured.set('secret', '1'), await secured.get('secret')], ['OK', '1']);
  check('no error was reported meanwhile', errors, []);
  const locked = new Redis({ port: securedPort, password: 'wrong', retryStrategy: () => null });
  locked.on('error', () => {});
  await checkFails('a wrong password', locked.get('secret'), /NOAUTH|WRONGPASS/);

  for (const what of ['nodes', 'server']) {
    await restart(what);
    check(`SET after a restart of the ${what}`, await eventually(() => client.set('again', what)), 'OK');
    check('the subscription is there again', await eventually(async () => {
      if (await client.publish('news', what) !== 1) throw new Error('nobody listens');
      return (await received.take(1))[0][1];
    }), what);
    check('in database 1 too', [await eventually(() => first.set('again', 'one')), await client.get('again')], ['OK', what]);
    check('and with the password', await eventually(() => secured.set('again', what)), 'OK');
  }
});
