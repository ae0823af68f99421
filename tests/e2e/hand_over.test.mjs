// A service that is restarted under a stream of new clients refuses none of them: examples/12_hand_over.cpp, whose listeners
// go on by SCM_RIGHTS, and under systemd's LISTEN_FDS.
import {strict as assert} from 'node:assert';
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import net from 'node:net';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import readline from 'node:readline';
import {fileURLToPath} from 'node:url';
import {WebSocket} from 'ws';
import {Inbox, upgradeRequest} from './harness.mjs';
import {Client, Program, examples, run, within} from './programs.mjs';

const restarts = 10;
const service = join(examples, '12_hand_over');
const scratch = mkdtempSync(join(tmpdir(), 'hotline-hand-over-'));
process.on('exit', () => rmSync(scratch, {recursive: true, force: true}));

/** A bare socket that connects, and sends its upgrade after `later`. `greeted`: it received `connected`. */
function knock(port, {later = Promise.resolve()} = {}) {
  const socket = net.connect(port, '127.0.0.1');
  const connected = once(socket, 'connect');
  connected.catch(() => {});
  const greeted = new Promise((resolve, reject) => {
    let received = '';
    socket.on('connect', () => later.then(() => socket.write(upgradeRequest())));
    socket.setEncoding('latin1').on('data', (text) => {
      received += text;
      if (!received.includes('"type":"connected"')) return;
      resolve();
      socket.destroy();
    });
    socket.on('error', reject).on('close', () => reject(new Error(`ended after ${JSON.stringify(received)}`)));
  });
  greeted.catch(() => {});
  return {connected, greeted};
}

/** The same over npm `ws`. */
function upgrade(port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/p`);
  const greeted = new Promise((resolve, reject) => {
    socket.once('message', (data) => {  // the next may tell that this process goes
      JSON.parse(data).type === 'connected' ? resolve() : reject(new Error(`greeted with ${data}`));
      socket.terminate();
    });
    socket.on('error', reject).on('close', (code) => reject(new Error(`closed with ${code} before the greeting`)));
  });
  return {greeted};
}

/** Clients that connect all the while, each again when it has been greeted. */
class Stream {
  #ends = false;
  greeted = 0;
  failures = [];

  constructor(port) {
    const connect = async (ways) => {
      for (let turn = 0; !this.#ends; ++turn) {
        try {
          await within(ways[turn % ways.length](port).greeted, 'the greeting of a client');
          ++this.greeted;
        } catch (error) {
          this.failures.push(error.message);
          return;
        }
      }
    };
    this.over = Promise.all([[knock], [knock], [upgrade], [upgrade], [knock, upgrade]].map(connect));
  }

  /** When so many more have been greeted. */
  async more(count) {
    const wanted = this.greeted + count;
    while (this.greeted < wanted && this.failures.length === 0) await new Promise(setImmediate);
  }

  async end() {
    this.#ends = true;
    await this.over;
    assert.deepEqual(this.failures, []);
  }
}

async function is_sent_away(client) {
  assert.equal((await client.next((m) => m.type === 'disconnected')).code, 1001);
  assert.equal((await within(client.closed, 'the close')).code, 1001);
}

const handed_on = (transport) => async () => {
  const control = join(scratch, `${transport}.sock`);
  const start = () => Program.start(service, '--control', control, '--transport', transport);
  let serves = await start();
  const stream = new Stream(serves.port);
  for (let n = 0; n < restarts; ++n) {
    await stream.more(20);
    const stays = await Client.connect(serves, 'p');
    assert.equal((await stays.call('process')).result.id, serves.process.pid);
    // One whose request comes when the next process serves already.
    let go;
    const slow = knock(serves.port, {later: new Promise((resolve) => (go = resolve))});
    await slow.connected;
    const next = await start();
    assert.equal(next.port, serves.port);
    await serves.line(/^handed over$/);
    go();
    await within(slow.greeted, 'the greeting of a slow client');
    await is_sent_away(stays);
    assert.deepEqual(await within(serves.ended, 'the end of the old process'), {code: 0, signal: null});
    assert.equal(serves.errors, '');
    serves = next;
  }
  await stream.more(20);
  await stream.end();
  assert.deepEqual(await serves.stop(), {code: 0, signal: null});
};

const taken_back = (transport) => async () => {
  const control = join(scratch, `${transport}.sock`);
  const program = await Program.start(service, '--control', control, '--transport', transport);
  const stream = new Stream(program.port);
  for (let n = 0; n < 3; ++n) {
    await stream.more(20);
    const successor = net.connect(control);
    await within(once(successor, 'data'), 'the listeners');
    successor.destroy();
    await stream.more(20);
  }
  await stream.end();
  assert.equal(program.errors, 'the next process has not taken over\n'.repeat(3));
  assert.deepEqual(await program.stop(), {code: 0, signal: null});
};

const kept_by_systemd = (transport) => async () => {
  const unit = spawn('/usr/bin/python3', [join(dirname(fileURLToPath(import.meta.url)), 'socket_unit.py'), service,
    '--transport', transport], {stdio: ['pipe', 'pipe', 'inherit']});
  const printed = new Inbox();
  readline.createInterface({input: unit.stdout}).on('line', (line) => printed.put(line)).on('close', () => printed.end('it has ended'));
  let pid;
  try {
    const port = Number(await printed.next('the port'));
    const stream = new Stream(port);  // the first ones wait for the first start
    for (let n = 0; n < restarts; ++n) {
      unit.stdin.write('\n');
      [, pid] = (await printed.find((line) => line.startsWith('started'), 'a start')).split(' ').map(Number);
      await printed.find((line) => line === `listening on http://127.0.0.1:${port}`, 'the address');
      await stream.more(20);
      if (n === restarts - 1) await stream.end();
      process.kill(pid, 'SIGTERM');
      await printed.find((line) => line === 'stopped', 'the end of the service');
      await printed.find((line) => line === 'ended', 'the end of the process');
      pid = undefined;
    }
  } finally {
    if (pid) process.kill(pid, 'SIGKILL');
    unit.kill('SIGKILL');
  }
};

const activated_by_systemd = (transport) => async () => {
  const path = join(scratch, `activated-${transport}.sock`);
  const program = new Program('systemd-socket-activate', ['-l', path, service, '--transport', transport]);
  while (!/^Listening on/m.test(program.errors)) await within(once(program.process.stderr, 'data'), 'systemd-socket-activate');
  for (let n = 0; n < 3; ++n) {  // the first of them starts the service
    const client = new Client(`ws+unix://${path}:/ws/p`, {});
    await client.next((m) => m.type === 'connected');
    client.socket.terminate();
  }
  await program.line(/^listening on/);
  assert.deepEqual(await program.stop(), {code: 0, signal: null});
};

const has_systemd = spawnSync('systemd-socket-activate', ['--version']).status === 0;
if (!has_systemd) console.log('# no systemd-socket-activate here: a service that it starts is left out');

await run(['asio', 'epoll'].flatMap((transport) => [
  [`${transport}: ${restarts} successors take over the listener, and no client is refused`, handed_on(transport)],
  [`${transport}: a successor that ends before it has taken over leaves all as it was`, taken_back(transport)],
  [`${transport}: ${restarts} restarts with systemd's listener, and no client is refused`, kept_by_systemd(transport)],
  ...has_systemd ? [[`${transport}: systemd-socket-activate starts it`, activated_by_systemd(transport)]] : [],
]));
