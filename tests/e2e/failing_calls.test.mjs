// A server's life in which the system refuses one call, for each call of each kind in turn: strace says no in its name. The
// effects of a transport that fails in this way on a manager are tested without a system in
// tests/failing_operations.test.cpp.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {Server, within} from './harness.mjs';
import {bounds, hasOnly} from './promises.mjs';
import {ReturningClient} from './returning_client.mjs';

const tried = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'inject=shutdown:error=EINVAL:when=1', 'true'], {encoding: 'utf8'});
if (tried.status !== 0) {
  console.log(`skipped: no strace here: ${tried.error?.message ?? tried.stderr.trim()}`);
  process.exit(77);
}

const refusals = {
  sendto: ['ECONNRESET', 'EAGAIN', 'EINTR'],
  recvfrom: ['ECONNRESET', 'EAGAIN', 'EINTR'],
  accept4: ['ECONNABORTED', 'EMFILE', 'EINTR', 'EPROTO'],
  setsockopt: ['EINVAL'],
  epoll_ctl: ['ENOSPC'],
  shutdown: ['ENOTCONN'],
  ioctl: ['EIO'],
};

const life = [...bounds, '--drain-ms', 5_000];

class TracedServer extends Server {
  constructor(args) { super(args.slice(2), ['strace', '-f', '-o', args[0], '-e', args[1]]); }

  kill() {
    if (this.process.exitCode !== null) return this.exited;
    // strace would leave it running.
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim();
    for (const pid of children.split(' ').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    return super.kill();
  }
}

/** Clients come, send commands, receive events and go; then another is served as if nothing had been, and the server ends
 * in good order. */
async function live(server) {
  const clients = [];
  const join = async () => {
    const client = new ReturningClient(server.url(), {patience: 3_000});
    clients.push(client);
    await client.until(() => client.connects > 0, 'the greeting');
    return client;
  };
  try {
    const first = await join(), second = await join();
    for (const client of [first, second]) assert.deepEqual((await client.ask('echo', {a: 1})).result, {a: 1});
    const {result: {seq}} = await first.ask('emit', {type: 'x', count: 5});
    await second.hears(seq);
    await first.ask('big', {bytes: 60_000});
    first.end();
    second.end();
    const next = await join();
    await hasOnly(server, next);
    next.ask('stop').catch(() => {});  // the answer may get lost with the server
    const lines = [];
    const stopped = (async () => {
      for (let line = ''; line !== 'stopped'; lines.push(line)) line = await server.printed.next('the server\'s end');
    })();
    await server.passingTime(stopped);
    assert.deepEqual(await within(server.exited, 'the end of the process'), {code: 0, signal: null});
    const count = (word) => lines.filter((line) => line.startsWith(word)).length;
    assert.equal(count('opened') + count('resumed'), count('closed'));
    assert.equal(count('threw'), 0);
    for (const {violations} of clients) assert.deepEqual(violations, []);
  } finally {
    for (const client of clients) client.end();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'hotline-calls-'));
process.on('exit', () => rmSync(folder, {recursive: true, force: true}));

/** The system calls of a life without refusals once it listens: for each kind of call, the first and the last. */
async function rehearse(t) {
  const file = join(folder, 'rehearsal');
  await live(await TracedServer.start(t, file, `trace=write,${Object.keys(refusals)}`, ...life));
  const ranges = {};
  const count = {};
  let listens = false;
  for (const [, call, rest] of readFileSync(file, 'utf8').matchAll(/^\d+ +(\w+)\((.*)/gm)) {
    if (rest.startsWith('1, "listening on')) listens = true;
    if (call === 'write') continue;
    count[call] = (count[call] ?? 0) + 1;
    if (listens) (ranges[call] ??= [count[call], 0])[1] = count[call];
  }
  return ranges;
}

test('the server goes on and keeps its promises, whichever call the system refuses', async (t) => {
  const ranges = await rehearse(t);
  const lives = Object.entries(refusals).flatMap(([call, errors]) => errors.flatMap((error) => {
    if (!(call in ranges)) return [];  // this transport gets on without it
    const [first, last] = ranges[call];
    return Array.from({length: last - first + 1}, (_, n) => ({call, error, when: first + n}));
  }));
  assert.ok(lives.length > 50);
  let refused = 0;
  const next = async (worker) => {
    for (let one; (one = lives.pop()) !== undefined;) {
      const {call, error, when} = one, file = join(folder, `trace-${worker}`);
      try {
        await live(await TracedServer.start(t, file, `inject=${call}:error=${error}:when=${when}`, ...life));
      } catch (failure) {
        throw new Error(`${call} ${when}: ${error}: ${failure.message}`, {cause: failure});
      }
      refused += /INJECTED/.test(readFileSync(file, 'utf8'));
    }
  };
  const total = lives.length;
  await Promise.all([0, 1, 2].map(next));
  t.diagnostic(`${total} lives, in ${refused} of which a call was refused`);
});
