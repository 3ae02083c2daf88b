// Two generations of node-redis: while their server is drained they go where its MOVING message sends them.
'use strict';
const { port, check, eventually, restart, main } = require('./checks');
const { createClient } = require(process.argv[2]);

const PIPELINE = 5;

main(async () => {
  const errors = [];
  const note = (error) => { errors.push(String(error)); };
  const client = createClient({ RESP: 3, socket: { host: '127.0.0.1', port } });
  client.on('error', note);
  await client.connect();
  let written = 0;
  let goesOn = true;
  const writer = (async () => {
    while (goesOn) {
      const counts = await Promise.all(Array.from({ length: PIPELINE }, (_, i) => client.incr(`count:${i}`).catch(note)));
      written += 1;
      counts.forEach((count) => { if (count !== written) note(`${count} is not ${written}`); });
    }
  })();
  const writes = (least) => eventually(async () => { if (written < least) throw new Error(`only ${written} writes`); });
  await writes(10);
  await restart('server');
  await writes(written + 10);
  goesOn = false;
  await writer;
  check('no command and no connection has failed', errors, []);
  check('each write is there once', await client.mGet(['count:0', `count:${PIPELINE - 1}`]), [String(written), String(written)]);
});
