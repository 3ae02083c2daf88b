// Sessions of express in node-redis: two requests of one visitor, and a third after the sign-out.
'use strict';
const http = require('node:http');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { securedPort, password, check, restart, eventually, main } = require('./checks');

const errors = [];

function serve(store) {
  const middleware = session({ store, secret: 'x', resave: false, saveUninitialized: false });
  const server = http.createServer((request, response) => middleware(request, response, (error) => {
    if (error) return response.writeHead(500).end(String(error));
    if (request.url === '/out') return request.session.destroy((failure) => response.end(String(failure ?? 'out')));
    request.session.views = (request.session.views ?? 0) + 1;
    return response.end(String(request.session.views));
  }));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`)));
}

main(async () => {
  const client = createClient({ url: `redis://:${password}@127.0.0.1:${securedPort}/1` });
  client.on('error', (error) => errors.push(String(error)));
  await client.connect();
  const store = new RedisStore({ client, prefix: 'sess:' });
  const url = await serve(store);

  const first = await fetch(url);
  const headers = { cookie: first.headers.get('set-cookie').split(';')[0] };
  const visit = async (path = '/') => (await fetch(url + path, { headers })).text();
  check('a session begins', await first.text(), '1');
  check('and goes on', [await visit(), await visit()], ['2', '3']);
  const key = `sess:${decodeURIComponent(headers.cookie).match(/=s:([^.]+)\./)[1]}`;
  check('it is where it should be', JSON.parse(await client.get(key)).views, 3);
  check('and expires within a day', (await client.ttl(key)) > 86_000, true);
  for (let i = 0; i < 50; i += 1) await client.set(`other:${i}`, '1');
  check('all sessions are listed', [await store.length(), (await store.ids()).length], [1, 1]);
  check('a sign-out ends it', [await visit('/out'), await client.exists(key), await visit()], ['out', 0, '1']);

  const soon = await serve(new RedisStore({ client, prefix: 'soon:', ttl: 1 }));
  const cookie = (await fetch(soon)).headers.get('set-cookie').split(';')[0];
  const again = async () => (await fetch(soon, { headers: { cookie } })).text();
  check('a short session goes on', await again(), '2');
  const ended = async () => { if ((await client.keys('soon:*')).length > 0) throw new Error('it lives on'); };
  check('and ends by itself', [await eventually(ended), await again()], [undefined, '1']);
  check('no error was reported meanwhile', errors, []);
  await restart('server');
  check('after a restart of the server', await eventually(async () => Number(await visit()) > 0), true);
});
