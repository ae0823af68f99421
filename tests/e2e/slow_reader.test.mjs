// Clients that do not read: they cost the server no memory and the others no time, and receive a gap for what they missed.

import assert from 'node:assert/strict';
import test from 'node:test';
import {frame, Server, within} from './harness.mjs';

const KiB = 1024;
const MiB = 1024 * KiB;

// More than the kernel holds for both ends of a connection, much less than all that is sent here.
const SEND_BUFFER = 64 * KiB;

/** Emits `count` events of `pad` bytes, a hundred at a time; every lively client has them before the next. */
async function emitPaced(host, lively, count, pad) {
  for (let sent = 0; sent < count; sent += 100) {
    await host.result('emit', {type: 'load', count: 100, pad});
    await Promise.all(lively.map(c => c.events(100)));
  }
}

/** The events that a client receives after `heard` and up to `last`: `[from, to]` of events, `{gap: [from, to]}` of what
 * it missed. */
async function hear(client, heard, last) {
  const runs = [];
  while (heard < last) {
    const message = await client.inbox.next('an event or a gap');
    const gap = message.type === 'gap';
    if (!gap) assert.equal(message.type, 'event');
    const [from, to] = gap ? [message.from, message.to] : [message.seq, message.seq];
    assert.equal(from, heard + 1, 'in order, and nothing missing that no gap names');
    assert.ok(to >= from);
    heard = to;
    if (gap) runs.push({gap: [from, to]});
    else if (Array.isArray(runs.at(-1))) runs.at(-1)[1] = to;
    else runs.push([from, to]);
  }
  return runs;
}

test('a client that stops reading for a while gets everything that the log still holds', async t => {
  const server = await Server.start(t, '--send-buffer', SEND_BUFFER);
  const lively = await server.connectMany(3);
  const paused = await server.connectMany(3);
  for (const client of paused) client.socket.pause();
  await emitPaced(lively[0], lively, 3_000, 2 * KiB);  // 6 MiB of the log's 8
  for (const client of paused) client.socket.resume();
  for (const client of paused) {
    assert.deepEqual(await hear(client, 0, 3_000), [[1, 3_000]]);
    await client.settled();
    assert.equal(client.inbox.size, 0);
  }
});

test('clients that stop reading for long take no memory, and receive the gap', async t => {
  const server = await Server.start(t, '--send-buffer', SEND_BUFFER);
  const lively = await server.connectMany(2);
  const paused = await server.connectMany(16);
  await emitPaced(lively[0], [...lively, ...paused], 2_000, 8 * KiB);  // the log has been full once
  for (const client of paused) client.socket.pause();

  const before = server.rss();
  let most = before;
  for (let megabytes = 0; megabytes < 40; megabytes += 4) {
    await emitPaced(lively[0], lively, 500, 8 * KiB);
    most = Math.max(most, server.rss());
  }
  // 40 MiB queued for each of 16 would be 640 MiB; what one log may hold is 8.
  assert.ok(most - before < 64 * MiB, `grew by ${((most - before) / MiB).toFixed(1)} MiB`);

  for (const client of paused) client.socket.resume();
  const last = 7_000;
  for (const client of paused) {
    const runs = await hear(client, 2_000, last);
    assert.ok(runs.some(run => run.gap !== undefined), 'there was more than can be kept');
    assert.equal(runs.at(-1)[1], last, 'the newest is never missing');
    await client.settled();
  }
  await emitPaced(lively[0], [...lively, ...paused], 100, 10);
});

test('a lagging client that subscribes again misses nothing of what it asked for', async t => {
  const server = await Server.start(t, '--send-buffer', SEND_BUFFER);
  const host = await server.connect();
  const client = await server.connect();
  client.socket.pause();
  await emitPaced(host, [host], 2_000, 2 * KiB);
  client.send({command: 'subscribe', id: 's', payload: {events: ['rare', 'load']}});
  await host.result('emit', {type: 'rare'});
  client.socket.resume();
  const seqs = [];
  let told = null;
  while (seqs.at(-1) !== 2_001) {
    const message = await client.inbox.next('an event');
    if (message.type === 'event') seqs.push(message.seq);
    else told = message;
  }
  assert.deepEqual(seqs, Array.from({length: 2_001}, (_, i) => i + 1));
  if (told === null) told = await client.next('command_response');
  assert.deepEqual(told.result.events, ['load', 'rare']);
});

test('a client that asks and asks and never reads is not read from either, and costs little', async t => {
  const server = await Server.start(t, '--send-buffer', SEND_BUFFER, '--message-burst', 10_000);
  const witness = await server.connect();
  const greedy = await server.raw();
  await greedy.upgrade();
  greedy.socket.pause();
  const before = server.rss();
  // Each asks for 100 KiB; as many as the server takes, until its kernel's buffer and ours are full.
  const ask = Buffer.concat(Array.from({length: 100}, () => frame(0x81, '{"command":"big","payload":{"bytes":102400}}')));
  let asked = 0;
  while (asked < 2_000 && greedy.socket.writableLength < MiB) {
    greedy.socket.write(ask);
    asked += 100;
    await witness.settled();
  }
  assert.ok(server.rss() - before < 64 * MiB);
  await witness.result('emit', {type: 'still'});
  await witness.next('event');
  // It is either still answered, or was let go: both are bounded; once it reads, it learns which.
  greedy.socket.resume();
  await within((async () => {
    for (let answers = 0; answers < asked;) {
      const {opcode, payload} = await greedy.frame('the next answer');
      if (opcode === 8) return assert.equal(payload.readUInt16BE(0), 4008);
      if (opcode === 1 && payload.includes('"command_response"')) ++answers;
    }
  })(), 'every answer');
});

test('a stalled client that is torn off is forgotten', async t => {
  const server = await Server.start(t, '--send-buffer', SEND_BUFFER);
  const host = await server.connect();
  const stalled = await server.connectMany(5);
  for (const client of stalled) client.socket.pause();
  await emitPaced(host, [host], 1_000, 2 * KiB);
  for (const client of stalled) client.socket._socket.resetAndDestroy();
  for (let gone = 0; gone < stalled.length; ++gone) await server.printed.find(line => line.startsWith('closed'), 'an end');
  assert.equal((await host.result('status')).connections, 1);
  await emitPaced(host, [host], 100, 10);
});
