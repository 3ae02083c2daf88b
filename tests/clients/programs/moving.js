// Two generations of node-redis: while their server is drained they go where its MOVING message sends them, but for those whose
// connections the library does not carry over, which are disconnected and come back.
'use strict';
const { port, check, eventually, inbox, restart, main } = require('./checks');
const { createClient } = require(process.argv[2]);

const PIPELINE = 5;
const MESSAGES = ['one', 'two', 'three'];

const connect = async (note) => {
  const client = createClient({ RESP: 3, socket: { host: '127.0.0.1', port, reconnectStrategy: 20 } });
  client.on('error', note);
  await client.connect();
  return client;
};

// Does `attempt` again and again; `more` waits for so many that succeeded. Who is disconnected reads errors.
const worker = (attempt) => {
  const state = { done: 0, failed: 0, goesOn: true };
  state.more = (count) => {
    const least = state.done + count;
    return eventually(async () => { if (state.done < least) throw new Error(`only ${state.done} of ${least}`); });
  };
  state.ended = (async () => {
    while (state.goesOn) {
      try {
        if (await attempt(state.done)) state.done += 1;
      } catch {
        state.failed += 1;
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
    }
  })();
  return state;
};

main(async () => {
  const errors = [];
  const note = (error) => { errors.push(String(error)); };
  const client = await connect(note);
  const writer = worker(async (written) => {
    const counts = await Promise.all(Array.from({ length: PIPELINE }, (_, i) => client.incr(`count:${i}`).catch(note)));
    counts.forEach((count) => { if (count !== written + 1) note(`${count} is not ${written + 1}`); });
    return true;
  });

  const listener = await connect(() => {});
  const heard = inbox();
  await listener.subscribe('news', (message) => heard.add(message));

  const elsewhere = await connect(() => {});
  await elsewhere.select(3);
  const selecter = worker(async (number) => await elsewhere.set('selected', number) === 'OK');

  // Each increments what it has read if nobody else has: a commit that is not guarded loses what another one has counted.
  const watchers = await Promise.all([1, 2, 3].map(async () => {
    const own = await connect(() => {});
    return worker(async () => {
      await own.watch('watched');
      const next = Number(await own.get('watched')) + 1;
      return await own.multi().set('watched', next).exec();
    });
  }));

  const workers = [writer, selecter, ...watchers];
  await Promise.all(workers.map((each) => each.more(10)));
  await restart('server');
  await Promise.all(workers.map((each) => each.more(10)));
  workers.forEach((each) => { each.goesOn = false; });
  await Promise.all(workers.map((each) => each.ended));

  check('no command and no connection has failed', errors, []);
  check('each write is there once', await client.mGet(['count:0', `count:${PIPELINE - 1}`]), [String(writer.done), String(writer.done)]);

  await eventually(async () => { if (!(await client.pubSubNumSub('news')).news) throw new Error('nobody listens'); });
  for (const message of MESSAGES) await client.publish('news', message);
  check('a subscriber hears what is published afterwards', await heard.take(MESSAGES.length), MESSAGES.map((message) => [message]));

  check('nothing is written to the database that was left', await client.exists('selected'), 0);
  check('but to the one that was selected', await eventually(() => elsewhere.get('selected')), String(selecter.done - 1));

  const [done, failed] = ['done', 'failed'].map((count) => watchers.reduce((sum, watcher) => sum + watcher[count], 0));
  const counted = Number(await client.get('watched'));
  check(`no commit is unguarded: ${done} <= ${counted} <= ${done} + ${failed}`, done <= counted && counted <= done + failed, true);
});
