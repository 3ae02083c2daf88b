// memjs of npm, which speaks the binary protocol.
'use strict';
const memjs = require('memjs');
const { port, check, checkFails, eventually, restart, killNode, main, names, binary } = require('./checks');

const log = () => {};  // A node that is down is no news here.

async function items(client) {
  const read = async (key) => (await client.get(key)).value;
  check('set, get', [await client.set('text', 'grüße', {}), String(await read('text')), await read('none')], [true, 'grüße', null]);
  check('add, replace', [await client.add('text', '1', {}), await client.add('new', binary, {}), await client.replace('none', '1', {}), await read('new')],
    [false, true, false, binary]);
  check('delete', [await client.delete('new'), await client.delete('new'), await read('new')], [true, false, null]);
  const counter = { initial: 41, expires: 100 };
  check('increment, decrement', [await client.increment('count', 1, counter), await client.increment('count', 1, {}), await client.decrement('count', 100, {})],
    [{ success: true, value: 41 }, { success: true, value: 42 }, { success: true, value: 0 }]);
  await client.set('word', 'b', { expires: 100 });
  check('append', [await client.append('word', 'c'), String(await read('word'))], [true, 'bc']);
  await checkFails('append to none', client.append('none', 'x'), /Item not stored/);
  check('touch', [await client.touch('word', 100), await client.touch('none', 100)], [true, false]);
  await Promise.all(names(200).map((key) => client.set(key, key, {})));
  check('two hundred at once', (await Promise.all([...names(200), 'none'].map(read))).map(String), [...names(200), 'null']);
}

async function large(client) {
  const half = Buffer.alloc(500_000, binary);
  check('a large value', [await client.set('large', half, {}), (await client.get('large')).value], [true, half]);
  await checkFails('one too large', client.set('large', Buffer.alloc(2 << 20), {}), /Value too large/);
  check('and the old one is gone', (await client.get('large')).value, null);
}

// What the keys of a node that is down read, and that the connection is right after it.
async function failing(client) {
  const keys = names(60, 'key');
  await Promise.all(keys.map((key) => client.set(key, key, {})));
  await killNode();
  const outcomes = await Promise.all(keys.map((key) => client.get(key).then(({ value }) => String(value), (error) => error.message)));
  const failed = outcomes.filter((outcome, i) => outcome !== keys[i]);
  console.log(`${failed.length} of 60 keys read ${[...new Set(failed)]}`);
  check('a node is down', [failed.length > 0, failed.filter((text) => !/^MemJS GET: Temporary failure$|ECONN|ended by the other party/.test(text))], [true, []]);
  await restart('nodes');
  check('the node is back', await eventually(() => Promise.all(keys.map((key) => client.set(key, key, {})))), keys.map(() => true));
  check('with all keys', (await Promise.all(keys.map((key) => client.get(key)))).map(({ value }) => String(value)), keys);
}

main(async () => {
  const client = memjs.Client.create(`127.0.0.1:${port}`, { timeout: 20, retries: 1, logger: { log } });
  await items(client);
  await large(client);
  const stats = await new Promise((resolve, reject) => { client.stats((error, _, numbers) => (error ? reject(error) : resolve(numbers))); });
  check('stats', [Number(stats.curr_items) > 100, /^\d+\.\d+/.test(stats.version)], [true, true]);
  await client.flush();
  check('flush', (await client.get('text')).value, null);
  await failing(client);
  await restart('server');
  check('after a restart of the server', await eventually(() => client.set('again', '1', {})), true);
  check('it is there', String((await client.get('again')).value), '1');
});
