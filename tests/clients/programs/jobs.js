// What the programs of job queues share: workers in processes of their own, of which one is killed, and a ledger of what they have done.
'use strict';
const readline = require('node:readline');
const { spawn } = require('node:child_process');

exports.COUNT = 200;
exports.ALL = Array.from({ length: exports.COUNT }, (_, i) => i);
exports.isDelayed = (job) => job % 7 === 3;
exports.failsAtFirst = (job) => job % 10 === 6;
const CONCURRENCY = exports.CONCURRENCY = 4;
const HELD_FROM = exports.COUNT / 4;  // From this job on, the worker that is to be killed keeps what it has in hand.

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

// What a worker does with a job. Writing to a pipe does not return before the line is there, so a kill loses none.
exports.work = async (job, isFirstAttempt) => {
  console.log(`begun ${job}`);
  if (process.env.VICTIM && job >= HELD_FROM) await new Promise(() => {});
  if (isFirstAttempt && exports.failsAtFirst(job)) throw new Error('as is meant to be');
  console.log(`done ${job}`);
  return job;
};

exports.Ledger = class {
  done = new Map();
  inDoubt = new Set();
  complaints = [];

  // The same program as a worker; it has to say `ready`.
  hire(environment = {}) {
    const worker = spawn(process.execPath, [process.argv[1], 'worker'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    worker.begun = [];
    readline.createInterface({ input: worker.stdout }).on('line', (line) => this.#note(worker, line));
    readline.createInterface({ input: worker.stderr }).on('line', (line) => this.complaints.push(line));
    process.on('exit', () => worker.kill('SIGKILL'));
    return new Promise((resolve) => { worker.ready = () => resolve(worker); });
  }

  // A worker whose hands are full, and stay so until it is killed.
  async hireVictim() {
    const victim = await this.hire({ VICTIM: 'yes' });
    await this.#wait(() => victim.begun.filter((job) => job >= HELD_FROM).length === CONCURRENCY, 25_000);
    return victim;
  }

  #note(worker, line) {
    const [what, job] = line.split(' ');
    if (what === 'ready') worker.ready();
    else if (what === 'begun') worker.begun.push(Number(job));
    else if (what === 'done') this.done.set(Number(job), (this.done.get(Number(job)) ?? 0) + 1);
    else this.complaints.push(line);
  }

  // Without a farewell. What it had in hand, or had just done and not yet said so to Redis, may be done again.
  async kill(worker) {
    const end = new Promise((resolve) => { worker.on('close', resolve); });
    worker.kill('SIGKILL');
    await end;
    for (const job of worker.begun.slice(-2 * CONCURRENCY)) this.inDoubt.add(job);
  }

  until(count, patience = 25_000) { return this.#wait(() => this.done.size >= count, patience); }

  async #wait(condition, patience) {
    const deadline = Date.now() + patience;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`only ${this.done.size} jobs are done; the workers say:\n${this.complaints.slice(-10).join('\n')}`);
      await pause(10);
    }
  }

  missing(jobs) { return jobs.filter((job) => !this.done.has(job)); }
  twice() { return [...this.done].filter(([job, times]) => times > 1 && !this.inDoubt.has(job)); }
};
