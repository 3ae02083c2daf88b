// Bee-Queue: workers in processes of their own, one of them killed, events, and what it tells of its queue.
'use strict';
const Queue = require('bee-queue');
const { port, check, eventually, main, restart } = require('./checks');
const { ALL, CONCURRENCY, COUNT, Ledger, isDelayed, work } = require('./jobs');

const open = (isWorker) => new Queue('mail', {
  redis: { host: '127.0.0.1', port }, isWorker, stallInterval: 2000, nearTermWindow: 1000, activateDelayedJobs: isWorker });

function add(queue, number, delay) {
  const job = queue.createJob({ number }).retries(3).backoff('fixed', 100);
  if (delay) job.delayUntil(Date.now() + delay);
  return job.save();
}

async function beWorker() {
  const queue = open(true);
  queue.on('error', (error) => console.log(`error ${error.message}`));
  await queue.ready();
  queue.process(CONCURRENCY, (job) => work(job.data.number, job.options.retries === 3));
  setInterval(() => queue.checkStalledJobs().catch(() => {}), 500);
  console.log('ready');
  await new Promise(() => {});  // It works until it is killed.
}

main(async () => {
  if (process.argv[2] === 'worker') return beWorker();
  const queue = open(false);
  queue.on('error', () => {});  // Of connections, when the nodes restart.
  await queue.ready();
  const succeeded = new Set();
  queue.on('job succeeded', (id) => succeeded.add(id));
  const ledger = new Ledger();
  await Promise.all(ALL.map((number) => add(queue, number, isDelayed(number) && 500)));
  const victim = await ledger.hireVictim();
  const second = await ledger.hire();
  await ledger.until(COUNT / 2);
  await ledger.kill(victim);
  await ledger.until(COUNT);
  check('jobs, delayed and retried ones, a worker killed', [ledger.missing(ALL), ledger.twice()], [[], []]);
  await eventually(async () => { if (succeeded.size < COUNT) throw new Error(`${succeeded.size} succeeded`); });
  const { waiting, active, delayed, failed } = await queue.checkHealth();
  check('the queue counts them, and its events', [waiting, active, delayed, failed, succeeded.size], [0, 0, 0, 0, COUNT]);
  check('no worker complained', ledger.complaints, []);

  const later = ALL.map((number) => number + 2000);
  await Promise.all(later.map((number) => add(queue, number, 1000)));
  await restart('nodes');
  // It never loads its scripts again, and the nodes may have forgotten them: a new worker is started.
  await ledger.kill(second);
  await ledger.hire();
  await ledger.until(2 * COUNT);
  check('jobs that wait while the nodes restart', [ledger.missing(later), later.filter((number) => ledger.done.get(number) > 1)], [[], []]);
});
