// Peers that are slow, deaf, or gone without a word, over real sockets: each is let go within its bound, and a good client of
// the same project notices nothing. Peers behind a dead network are in network.test.mjs, silent ones in heartbeat.test.mjs.
import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import {frame, Server, upgradeRequest, within} from './harness.mjs';

const KiB = 1024;

/** A server, and a good client of it. */
async function stage(t, ...args) {
  const server = await Server.start(t, ...args);
  const witness = await server.connect();
  const before = () => isServed(witness);
  return {
    server, witness, isServed: before, alone: () => isAlone(server, witness),
    /** The outcome of the promise while time passes, in which the witness is never silent for long. */
    withTime: (promise, ms = 500) => server.passingTime(promise, {ms, before}),
  };
}

async function isServed(witness) {
  const {seq} = await witness.result('emit', {type: 'still'});
  assert.equal((await witness.next('event')).seq, seq);
}

/** The witness is who is left, and as well off as ever. */
async function isAlone(server, witness) {
  await isServed(witness);
  assert.equal((await witness.result('status')).connections, 1);
}

const ended = (server) => server.printed.find((line) => line.startsWith('closed'), 'an end');

test('a client that does not read and may not lag is closed with 4008, and cut off when it does not read even that', async (t) => {
  const {server, witness, alone} = await stage(t, '--send-buffer', 32 * KiB, '--log-bytes', 256 * KiB,
    '--close-laggards', 1, '--close-ms', 300);
  const stalled = await server.connectMany(5);
  for (const client of stalled) client.socket.pause();
  // No heartbeat gives them up first, however long it takes until the log goes by.
  const lag = async () => {
    for (let n = 0; n < 5; ++n) {
      await witness.result('emit', {type: 'load', count: 50, pad: 2 * KiB});
      await witness.events(50);
    }
  };
  const lines = Promise.all(stalled.map(() => ended(server)));
  for (const line of await server.passingTime(lines, {ms: 300, before: lag})) assert.match(line, / 4008 /);
  await alone();
});

test('a peer that does not answer our close frame is cut off after close_timeout', async (t) => {
  const {server, witness, alone, withTime} = await stage(t, '--close-ms', 300, '--send-buffer', 32 * KiB);
  const deaf = await server.raw(), blind = await server.raw();
  for (const peer of [deaf, blind]) await peer.upgrade();
  blind.socket.pause();  // it does not even read it
  const ids = (await witness.result('status')).list.map((one) => one.connection_id);
  for (const id of ids.filter((id) => id !== witness.hello.connection_id)) {
    await witness.result('kick', {connection_id: id, code: 1008, reason: 'go'});
  }
  assert.equal(await deaf.closeCode(), 1008);
  await withTime(deaf.ended());
  for (const _ of [deaf, blind]) assert.match(await withTime(ended(server)), / 1008 go$/);
  await alone();
});

const beginnings = {
  'a header': frame(0x81, '{"command":"echo"}').subarray(0, 1),
  'a long header': Buffer.from([0x81, 0xfe, 0x10]),
  'a payload': frame(0x81, '{"command":"echo"}').subarray(0, 12),
  'a message in fragments': Buffer.concat([frame(0x01, '{"comm'), frame(0x00, 'and":"ec').subarray(0, 9)]),
  'a ping': frame(0x89, 'hello').subarray(0, 8),
  'a close frame': frame(0x88, '\x03\xe8').subarray(0, 7),
};

test('a peer that vanishes in the middle of a frame is dropped, and its half message has no effect', async (t) => {
  const {server, alone, withTime} = await stage(t, '--ping-ms', 200, '--timeout-ms', 1_500, '--close-ms', 300);
  const ways = {
    'a FIN': (socket) => socket.end(),
    'a reset': (socket) => socket.resetAndDestroy(),
    'no word': () => {},
  };
  for (const [how, go] of Object.entries(ways)) {
    const gone = Promise.all(Object.values(beginnings).map(async (bytes) => {
      const peer = await server.raw();
      await peer.upgrade();
      await peer.json();
      await new Promise((resolve) => peer.socket.write(bytes, resolve));
      go(peer.socket);
      const line = await ended(server);
      await peer.ended();
      return line;
    }));
    // Time passes only for peers that vanish: the heartbeat drops no other.
    const lines = await (how === 'no word' ? withTime(gone, 200) : gone);
    for (const line of lines) assert.match(line, how === 'no word' ? / 4000 / : / 1006 /, how);
  }
  await alone();
});

// The server keeps 1,024 connections that have not sent a request; beyond, the one that is awaited longest gives way.
test('two thousand sockets that say nothing, or a byte at a time, are turned away in time', async (t) => {
  const {server, isServed, alone} = await stage(t, '--handshake-ms', 3_000);
  const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
  const before = descriptors(), memory = server.rss();
  const request = upgradeRequest();
  const answers = [];
  const connected = [];
  const sockets = Array.from({length: 2_000}, (_, n) => {
    // A third never speaks, a third stops within the request, a third goes on by a byte at a time.
    const socket = net.connect(server.port, '127.0.0.1', () => { if (n % 3 !== 0) socket.write(request.slice(0, 40)); });
    connected.push(new Promise((resolve) => socket.once('connect', resolve).once('close', resolve)));
    let answer = '';
    socket.on('data', (bytes) => { answer += bytes; }).on('error', () => {});
    answers.push(new Promise((resolve) => socket.on('close', () => resolve(answer))));
    return socket;
  });
  t.after(() => { for (const socket of sockets) socket.destroy(); });
  let said = 40, most = memory, rounds = 0;
  const drip = () => {
    for (let n = 2; n < sockets.length; n += 3) if (sockets[n].writable) sockets[n].write(request[said]);
    ++said;
  };
  const round = async () => {
    await isServed();
    most = Math.max(most, server.rss());
    ++rounds;
  };
  const come = within(Promise.all(connected), 'the connections');
  await server.passingTime(come, {ms: 0, before: round});
  for (let n = 0; n < 10; ++n) {
    drip();
    await round();
  }
  const latecomer = await server.connect();
  latecomer.socket.close();
  await latecomer.end();
  const all = Promise.all(answers);
  await server.passingTime(all, {ms: 250, before: async () => {
    if (said < request.length - 4) drip();  // to its end it would be a request
    await round();
  }});
  for (const answer of await all) assert.match(answer, /^$|^HTTP\/1\.1 408 /);
  assert.ok((await all).filter((answer) => answer !== '').length >= 1_000);
  assert.ok(most - memory < 32 * KiB * KiB, `${most - memory} bytes for 2,000 sockets`);
  await alone();
  while (descriptors() > before + 4) await isServed();
  t.diagnostic(`${rounds} rounds of the witness meanwhile, ${((most - memory) / KiB / 2_000).toFixed(1)} KiB a socket`);
});
