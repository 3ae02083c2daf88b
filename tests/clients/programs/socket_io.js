// socket.io with its Redis adapter: two servers, whose clients reach each other, and what one asks of the other.
'use strict';
const http = require('node:http');
const Redis = require('ioredis');
const { Server } = require('socket.io');
const { io: connect } = require('socket.io-client');
const { createAdapter } = require('@socket.io/redis-adapter');
const { port, check, eventually, inbox, main } = require('./checks');

async function open() {
  const publisher = new Redis({ port });
  const server = http.createServer();
  const io = new Server(server, { adapter: createAdapter(publisher, publisher.duplicate()) });
  io.on('connection', (socket) => {
    socket.on('join', async (room, answer) => { await socket.join(room); answer(); });
    socket.on('question', (answer) => answer('yes'));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const client = connect(`http://127.0.0.1:${server.address().port}`, { transports: ['websocket'] });
  const heard = inbox();
  client.on('news', (text) => heard.add(text));
  client.on('asked', (answer) => answer(`from ${client.id}`));
  await new Promise((resolve) => { client.once('connect', resolve); });
  return { io, client, heard };
}

main(async () => {
  const [a, b] = await Promise.all([open(), open()]);
  const both = async () => { if (await a.io.of('/').adapter.serverCount() !== 2) throw new Error('not both are there'); return 2; };
  check('the servers know of each other', await eventually(both), 2);
  a.io.emit('news', 'to all');
  check('to all', [await a.heard.take(1), await b.heard.take(1)], [[['to all']], [['to all']]]);
  await b.client.emitWithAck('join', 'room');
  a.io.to('room').emit('news', 'to a room');
  a.io.to(b.client.id).emit('news', 'to one');
  // Sorted, for these are two channels.
  check('to a room and to one, at the other server', (await b.heard.take(2)).sort(), [['to a room'], ['to one']]);
  check('and to no other', (await a.heard.take(0)).length, 0);
  check('who is there', (await a.io.fetchSockets()).map((socket) => socket.id).sort(), [a.client.id, b.client.id].sort());
  const answers = await a.io.timeout(5000).emitWithAck('asked');
  check('an answer of everybody', answers.sort(), [`from ${a.client.id}`, `from ${b.client.id}`].sort());
  b.io.on('ping', (text, answer) => answer(`heard ${text}`));
  check('a server asks the other', await a.io.serverSideEmitWithAck('ping', 'x'), ['heard x']);
  a.io.in('room').socketsJoin('hall');
  const joined = async () => { if (![...(await b.io.fetchSockets())].some((socket) => socket.rooms.has('hall'))) throw new Error('it has not joined'); };
  check('a room joined from afar', await eventually(joined), undefined);
  a.io.in(b.client.id).disconnectSockets(true);
  await new Promise((resolve) => { if (b.client.disconnected) resolve(); else b.client.once('disconnect', resolve); });
  check('an end from afar', b.client.connected, false);
});
