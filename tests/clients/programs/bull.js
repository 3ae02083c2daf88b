// Bull: workers in processes of their own, one of them killed, its global events, and what it tells of its queue.
'use strict';
const Queue = require('bull');
const { port, check, eventually, main, restart } = require('./checks');
const { ALL, CONCURRENCY, COUNT, Ledger, failsAtFirst, isDelayed, work } = require('./jobs');

const open = () => new Queue('mail', { redis: { host: '127.0.0.1', port }, settings: { lockDuration: 2000, stalledInterval: 1000 } });
const options = (job) => ({ attempts: 3, backoff: 100, ...(isDelayed(job) && { delay: 500 }) });
const asBulk = (jobs, more) => jobs.map((job) => ({ data: { job }, opts: { ...options(job), ...more } }));

async function beWorker() {
  const queue = open();
  queue.on('error', (error) => console.log(`error ${error.message}`));
  queue.process(CONCURRENCY, ({ data, attemptsMade }) => work(data.job, attemptsMade === 0));
  await queue.isReady();
  console.log('ready');
  await new Promise(() => {});  // It works until it is killed.
}

main(async () => {
  if (process.argv[2] === 'worker') return beWorker();
  const queue = open();
  queue.on('error', () => {});  // Of connections, when the nodes restart.
  const completed = new Set();
  queue.on('global:completed', (id) => completed.add(id));
  await queue.isReady();
  const ledger = new Ledger();
  await queue.addBulk(asBulk(ALL));
  const victim = await ledger.hireVictim();
  await ledger.hire();
  await ledger.until(COUNT / 2);
  await ledger.kill(victim);
  await ledger.until(COUNT);
  check('jobs, delayed and retried ones, a worker killed', [ledger.missing(ALL), ledger.twice()], [[], []]);
  await eventually(async () => { if (await queue.getCompletedCount() !== COUNT) throw new Error('not all are completed'); });
  check('the queue counts them', await queue.getJobCounts(), { waiting: 0, active: 0, delayed: 0, completed: COUNT, failed: 0, paused: 0 });
  const retried = (await queue.getCompleted()).filter(({ data, attemptsMade }) => failsAtFirst(data.job) && attemptsMade >= 1);
  check('those that failed were tried again', retried.length >= COUNT / 10 - 2 * CONCURRENCY, true);
  check('its events', (await eventually(async () => { if (completed.size < COUNT) throw new Error(completed.size); return completed; })).size, COUNT);
  const job = await queue.add({ job: 1000 });
  check('waiting for one job', await job.finished(), 1000);
  check('no worker complained', ledger.complaints, []);

  const later = ALL.map((number) => 2001 + 10 * number);
  await queue.addBulk(asBulk(later, { delay: 500 }));
  await restart('nodes');
  await ledger.until(2 * COUNT + 1);
  check('jobs that wait while the nodes restart', [ledger.missing(later), later.filter((number) => ledger.done.get(number) > 1)], [[], []]);
  await eventually(() => queue.obliterate({ force: true }));
  check('obliterate', await queue.getCompletedCount(), 0);
});
