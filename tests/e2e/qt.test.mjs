// A Qt client that follows docs/protocol.md: Qt calls a lost connection 1000 and 1013 a protocol error, and the client comes
// back all the same, misses nothing, and stops when the server says so.
import assert from 'node:assert/strict';
import {spawn, spawnSync} from 'node:child_process';
import readline from 'node:readline';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {Inbox, Server, within} from './harness.mjs';
import {Proxy} from './proxy.mjs';

/** The exit code that ctest takes for "skipped"; see SKIP_RETURN_CODE in tests/CMakeLists.txt. */
const SKIPPED = 77;
// Debian's package is for the system's python, which need not be the first in PATH.
const python = ['/usr/bin/python3', 'python3'].find((program) =>
  spawnSync(program, ['-c', 'import PyQt6.QtWebSockets']).status === 0);
if (python === undefined) {
  console.log('skipped: there is no PyQt6 with QtWebSockets here');
  process.exit(SKIPPED);
}

/** tests/e2e/qt_client.py. `told` has what it says, in order. */
class QtClient {
  told = new Inbox();
  /** The numbers of the events that it has received since it last began with a new session. */
  heard = [];

  constructor(t, url) {
    const script = fileURLToPath(new URL('qt_client.py', import.meta.url));
    this.process = spawn(python, [script, url], {stdio: ['pipe', 'pipe', 'inherit']});
    this.process.stdin.on('error', () => {});
    const ended = new Promise((resolve) => this.process.on('close', resolve));
    readline.createInterface({input: this.process.stdout}).on('line', (line) => this.#note(JSON.parse(line)))
      .on('close', () => this.told.end('the Qt client has ended'));
    t.after(() => {
      this.process.kill();
      return within(ended, 'the end of the Qt client');
    });
  }

  #note(message) {
    if (message.type === 'connected' && !message.resumed) this.heard = [];
    if (message.type === 'event') this.heard.push(message.seq);
    if (message.type === 'event' && message.event_type === 'end') message.type = 'end';
    if (message.type !== 'event') this.told.put(message);
  }

  async next(type) {
    const message = await this.told.next(type);
    assert.equal(message.type, type, JSON.stringify(message));
    return message;
  }

  /** Its report of the next end of a connection, unannounced or announced by `told`. */
  async loses() {
    let message = await this.told.next('the end of a connection');
    // An attempt without a server loses again.
    while (message.type !== 'lost') message = await this.told.next('the end of a connection');
    return {code: message.code, error: message.error};
  }

  /** `connected`, after as many attempts as it takes. */
  comesBack() { return this.told.find((message) => message.type === 'connected', 'the way back'); }
}

/** A server, at an address that stays, with a Qt client and another that gives the host's orders. */
async function meet(t) {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.port);
  const qt = new QtClient(t, `ws://127.0.0.1:${proxy.port}/ws/p`);
  const hello = await qt.next('connected');
  const host = await server.connect('host');
  return {server, proxy, qt, hello, host, other: await server.connect('p')};
}

/** Events that end in one of the type `end`; their last number. */
async function emit(other, count) {
  await other.result('emit', {type: 'line', count, pad: 100});
  return (await other.result('emit', {type: 'end'})).seq;
}

/** When it has received everything up to `last`, and each number once, in order. */
async function heardAll(qt, last, first = 1) {
  while ((await qt.next('end')).seq < last) { /* an earlier round's */ }
  assert.deepEqual(qt.heard, Array.from({length: last - first + 1}, (_, i) => first + i));
}

/** The way that it came last. */
const newest = (proxy) => [...proxy.lines].at(-1);

for (const [name, end] of [['a FIN', (line) => line.near.end()], ['a reset', (line) => line.near.resetAndDestroy()]]) {
  test(`a lost connection, ${name}: Qt says 1000, and the client comes back`, async (t) => {
    const {proxy, qt, hello, other} = await meet(t);
    await heardAll(qt, await emit(other, 20));
    end(newest(proxy));
    const last = await emit(other, 20);
    assert.deepEqual(await qt.loses(), {code: 1000, error: 'RemoteHostClosedError'});
    const back = await qt.comesBack();
    assert.deepEqual([back.resumed, back.connection_id], [true, hello.connection_id]);
    await heardAll(qt, last);
  });
}

for (const [code, says] of [[1013, 1002], [1011, 1011], [4008, 4008]]) {
  test(`${code}, after which it may come back: Qt says ${says}, and the client comes back`, async (t) => {
    const {qt, hello, host, other} = await meet(t);
    await host.result('kick', {connection_id: hello.connection_id, code, reason: 'full'});
    const last = await emit(other, 20);
    const told = await qt.next('disconnected');
    assert.deepEqual([told.code, told.reason, told.reconnect], [code, 'full', true]);
    assert.equal((await qt.loses()).code, says);
    assert.equal((await qt.comesBack()).resumed, true);
    await heardAll(qt, last);
  });
}

test('4009: somebody else goes on with its session, and it stops', async (t) => {
  const {server, qt, hello, other} = await meet(t);
  await heardAll(qt, await emit(other, 3));
  const heir = await server.connect(`p?resume=${hello.resume.token}&epoch=${hello.epoch}&after=4`);
  assert.equal(heir.hello.resumed, true);
  const told = await qt.next('disconnected');
  assert.deepEqual([told.code, told.reconnect], [4009, false]);
  assert.equal((await qt.loses()).code, 4009);
  assert.equal((await qt.next('closed')).code, 4009);
});

for (const [code, says] of [[1000, 1000], [1008, 1008], [1012, 1002], [4003, 4003], [4999, 4999], [5000, 1000]]) {
  test(`${code}, after which it may not come back: Qt says ${says}, and the client stops`, async (t) => {
    const {qt, hello, host} = await meet(t);
    await host.result('kick', {connection_id: hello.connection_id, code, reason: 'go'});
    assert.equal((await qt.next('disconnected')).reconnect, false);
    assert.equal((await qt.loses()).code, says);
    assert.equal((await qt.next('closed')).code, code);
  });
}

test('a restart: it comes back to the new server, and begins there', async (t) => {
  const {server, proxy, qt, hello, other} = await meet(t);
  await heardAll(qt, await emit(other, 20));
  proxy.target = null;  // no server is there for a while
  server.process.kill('SIGTERM');
  const told = await qt.next('disconnected');
  assert.deepEqual([told.code, told.reconnect, typeof told.retry_after], [1001, true, 'number']);
  assert.equal((await qt.loses()).code, 1001);
  await qt.loses();  // an attempt without an answer
  const next = await Server.start(t);
  proxy.target = next.port;
  const back = await qt.comesBack();
  assert.deepEqual([back.resumed, back.reason], [false, 'epoch_changed']);
  assert.notEqual(back.epoch, hello.epoch);
  await heardAll(qt, await emit(await next.connect('p'), 20), back.seq + 1);
});

test('all of it, one after the other, in one session', async (t) => {
  const {proxy, qt, hello, host, other} = await meet(t);
  let last = 0;
  for (let round = 0; round < 10; ++round) {
    if (round % 3 === 0) newest(proxy).near.end();
    else if (round % 3 === 1) newest(proxy).near.resetAndDestroy();
    else await host.result('kick', {connection_id: hello.connection_id, code: 1013, reason: 'full'});
    last = await emit(other, 50);
    const back = await qt.comesBack();
    assert.equal(back.resumed, true, back.reason);
  }
  await heardAll(qt, last);
});
