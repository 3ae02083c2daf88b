// BullMQ: workers in processes of their own, one of them killed, events, a flow, and what it tells of its queue.
'use strict';
const { FlowProducer, Queue, QueueEvents, Worker } = require('bullmq');
const { port, check, eventually, main, restart } = require('./checks');
const { ALL, CONCURRENCY, COUNT, Ledger, failsAtFirst, isDelayed, work } = require('./jobs');

const connection = { host: '127.0.0.1', port };
const options = (job) => ({ attempts: 3, backoff: 100, ...(isDelayed(job) && { delay: 500 }) });

async function beWorker() {
  const worker = new Worker('mail', (job) => work(job.data, job.attemptsMade === 0),
    { connection, concurrency: CONCURRENCY, lockDuration: 2000, stalledInterval: 1000 });
  worker.on('error', (error) => console.log(`error ${error.message}`));
  await worker.waitUntilReady();
  console.log('ready');
}

async function doAll(queue, ledger) {
  await queue.addBulk(ALL.map((job) => ({ name: 'job', data: job, opts: options(job) })));
  const victim = await ledger.hireVictim();
  await ledger.hire();
  await ledger.until(COUNT / 2);
  await ledger.kill(victim);
  await ledger.until(COUNT);
  check('jobs, delayed and retried ones, a worker killed', [ledger.missing(ALL), ledger.twice()], [[], []]);
  const settled = async () => {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'completed', 'failed');
    if (counts.completed !== COUNT) throw new Error(JSON.stringify(counts));
    return counts;
  };
  check('the queue counts them', await eventually(settled), { waiting: 0, active: 0, delayed: 0, completed: COUNT, failed: 0 });
  const retried = await Promise.all((await queue.getCompleted(0, -1)).filter((job) => failsAtFirst(job.data)).map((job) => job.attemptsMade));
  check('those that failed were tried again', [retried.length, retried.every((attempts) => attempts >= 2)], [COUNT / 10, true]);
}

async function others(queue) {
  const events = new QueueEvents('mail', { connection });
  await events.waitUntilReady();
  const job = await queue.add('job', 1000);
  check('waiting for one job', await job.waitUntilFinished(events, 10_000), 1000);
  await events.close();
  const flows = new FlowProducer({ connection });
  const children = [1001, 1002].map((child) => ({ name: 'child', queueName: 'mail', data: child }));
  const { job: parent } = await flows.add({ name: 'parent', queueName: 'mail', data: 1003, children });
  const whole = async () => { if (await parent.getState() !== 'completed') throw new Error(await parent.getState()); };
  await eventually(whole);
  check('a flow', Object.values(await parent.getChildrenValues()).sort(), [1001, 1002]);
  await flows.close();
  await queue.upsertJobScheduler('tick', { every: 100, limit: 3 }, { name: 'tick', data: 1004 });
}

main(async () => {
  if (process.argv[2] === 'worker') {
    await beWorker();
    await new Promise(() => {});  // It works until it is killed.
  }
  const queue = new Queue('mail', { connection });
  queue.on('error', () => {});  // Of connections, when the nodes restart.
  const ledger = new Ledger();
  await doAll(queue, ledger);
  await others(queue);
  await ledger.until(COUNT + 5);
  check('three times', await eventually(async () => { if (ledger.done.get(1004) !== 3) throw new Error(ledger.done.get(1004)); return 3; }), 3);
  check('no worker complained', ledger.complaints, []);
  const later = ALL.map((job) => job + 2000);
  await queue.addBulk(later.map((job) => ({ name: 'job', data: job, opts: { ...options(job), delay: 500 } })));
  await restart('nodes');
  await ledger.until(2 * COUNT + 5);
  check('jobs that wait while the nodes restart', [ledger.missing(later), later.filter((job) => ledger.done.get(job) > 1)], [[], []]);
  await eventually(() => queue.obliterate({ force: true }));
  check('obliterate', await queue.getJobCounts('completed'), { completed: 0 });
});
