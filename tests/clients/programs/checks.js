// What the programs in JavaScript share: the server's address, a line for each check, a restart on request.
'use strict';
const assert = require('node:assert');
const readline = require('node:readline');

const answers = readline.createInterface({ input: process.stdin });
let checks = 0;

exports.port = Number(process.env.PORT);
exports.securedPort = Number(process.env.SECURED_PORT);
exports.password = process.env.PASSWORD;

exports.check = (what, actual, expected) => {
  assert.deepStrictEqual(actual, expected, what);
  checks += 1;
  console.log(`ok ${what}`);
};

// The promise has to fail with words that the pattern knows.
exports.checkFails = async (what, promise, pattern) => {
  const outcome = await Promise.resolve(promise).then((value) => `no error, but ${value}`, (error) => error.message);
  exports.check(`${what}: ${outcome}`, pattern.test(outcome), true);
};

// The first result of `attempt` that is no error; clients report lost connections in many ways.
exports.eventually = async (attempt) => {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
};

// 'nodes' or 'server'; both are back when the promise resolves.
exports.restart = (what) => new Promise((resolve) => {
  answers.once('line', resolve);
  console.log(`please restart ${what}`);
});

// One node, or the server itself if it has none; it is dead when the promise resolves, and back with a restart of the nodes.
exports.killNode = () => new Promise((resolve) => {
  answers.once('line', resolve);
  console.log('please kill node');
});

exports.main = (program) => program().then(
  () => { console.log(`${checks} checks`); process.exit(0); },
  (error) => { console.log(`FAILED ${error.stack}`); process.exit(1); });

// Takes messages in; `take` waits for so many of them.
exports.inbox = () => {
  const messages = [];
  let wake = () => {};
  return {
    add: (...message) => { messages.push(message.map(String)); wake(); },
    take: async (count) => {
      while (messages.length < count) await new Promise((resolve) => { wake = resolve; });
      return messages.splice(0, count);
    },
  };
};

exports.names = (count, prefix = 'many') => Array.from({ length: count }, (_, i) => `${prefix}:${i}`);
exports.binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
exports.large = Buffer.alloc(3 << 20, exports.binary);
