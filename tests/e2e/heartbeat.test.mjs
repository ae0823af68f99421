// Who is silent is pinged, and given up when nothing comes back.

import assert from 'node:assert/strict';
import test from 'node:test';
import {frame, Server} from './harness.mjs';

const brisk = ['--ping-ms', 200, '--timeout-ms', 1_500];

test('a client that upgraded and never answers is pinged, told, and dropped with 4000', async t => {
  const server = await Server.start(t, ...brisk);
  const raw = await server.raw();
  await raw.upgrade();
  const hello = await raw.json();
  assert.deepEqual(hello.heartbeat, {interval: 0.2, timeout: 1.5});
  let pings = 0;
  let next = await raw.frame();
  for (; next.opcode === 9; next = await raw.frame()) ++pings;
  assert.ok(pings > 0);
  const {timestamp, ...told} = JSON.parse(next.payload);
  assert.deepEqual(told, {type: 'disconnected', code: 4000, reason: 'nothing was heard', reconnect: true});
  const close = await raw.frame();
  assert.equal(close.opcode, 8);
  assert.equal(close.payload.readUInt16BE(0), 4000);
  await raw.ended();  // though the client answers not even that
  assert.match(await server.printed.find(line => line.startsWith('closed'), 'its end'), / 4000 nothing was heard$/);
});

test('ws answers pings by itself, and stays for as long as it does', async t => {
  const server = await Server.start(t, ...brisk);
  const client = await server.connect();
  const silent = await server.raw();
  await silent.upgrade();
  await silent.ended();  // the silent one's timeout has gone by, on the same clock
  assert.ok(client.pings.size > 1);
  await client.settled();
});

test('whatever is heard counts: a client that sends but answers no ping stays', async t => {
  const server = await Server.start(t, ...brisk);
  const talking = await server.raw();
  await talking.upgrade();
  const silent = await server.raw();
  await silent.upgrade();
  const talk = setInterval(() => talking.socket.write(frame(0x8a)), 100);
  t.after(() => clearInterval(talk));
  await silent.ended();
  clearInterval(talk);
  talking.socket.write(frame(0x81, '{"command":"echo"}'));
  for (;;) {
    const {opcode, payload} = await talking.frame();
    assert.notEqual(opcode, 8);
    if (opcode === 1 && JSON.parse(payload).type === 'command_response') break;
  }
});

test('a client that stops answering in mid-life is dropped, and the others hear on', async t => {
  const server = await Server.start(t, ...brisk);
  const witness = await server.connect();
  const failing = await server.connect('p', {autoPong: false});
  assert.equal((await failing.next('disconnected')).code, 4000);
  assert.equal((await failing.end()).code, 4000);
  await witness.result('emit', {type: 'still'});
  await witness.next('event');
});
