// A silent peer is pinged, and dropped when nothing comes back.

import assert from 'node:assert/strict';
import test from 'node:test';
import {frame, Server} from './harness.mjs';

const brisk = ['--ping-ms', 200, '--timeout-ms', 1_500];

// Time passes only where the test says so. Each ping is awaited before more of it does, so that none is left out.

test('a client that upgraded and never answers is pinged, told, and dropped with 4000', async t => {
  const server = await Server.start(t, ...brisk, '--close-ms', 300);
  const raw = await server.raw();
  await raw.upgrade();
  const hello = await raw.json();
  assert.deepEqual(hello.heartbeat, {interval: 0.2, timeout: 1.5});
  for (let ping = 0; ping < 3; ++ping) {
    await server.advance(200);
    assert.equal((await raw.frame('a ping')).opcode, 9);
  }
  await server.advance(900);  // 1.5 s in all
  const next = await raw.frame('the end');
  const {timestamp, ...told} = JSON.parse(next.payload);
  assert.deepEqual(told, {type: 'disconnected', code: 4000, reason: 'nothing was heard', reconnect: true});
  const close = await raw.frame();
  assert.equal(close.opcode, 8);
  assert.equal(close.payload.readUInt16BE(0), 4000);
  await server.advance(300);
  await raw.ended();  // though the client answers not even that
  assert.match(await server.printed.find(line => line.startsWith('closed'), 'its end'), / 4000 nothing was heard$/);
});

test('ws answers pings by itself, and stays for as long as it does', async t => {
  const server = await Server.start(t, ...brisk);
  const client = await server.connect();
  const silent = await server.connect('p', {autoPong: false});
  for (let ping = 0; ping < 7; ++ping) {
    await server.advance(200);
    await Promise.all([client, silent].map(one => one.pings.next('a ping')));
    await client.settled();  // behind its pong
  }
  await server.advance(100);
  assert.equal((await silent.next('disconnected')).code, 4000);  // 1.5 s have passed, on the same clock
  await client.settled();
});

test('any byte counts: a client that sends but answers no ping stays', async t => {
  const server = await Server.start(t, ...brisk);
  const talking = await server.raw();
  await talking.upgrade();
  const silent = await server.raw();
  await silent.upgrade();
  await talking.json();
  await silent.json();
  const talk = async () => {
    talking.socket.write(frame(0x81, '{"command":"echo"}'));
    for (;;) {
      const {opcode, payload} = await talking.frame();
      assert.notEqual(opcode, 8);
      if (opcode === 1 && JSON.parse(payload).type === 'command_response') return;
    }
  };
  assert.equal(await server.passingTime(silent.closeCode(), {ms: 500, before: talk}), 4000);
  await talk();
});

test('a client that stops answering in mid-life is dropped, and the others still receive events', async t => {
  const server = await Server.start(t, ...brisk);
  const witness = await server.connect();
  const failing = await server.connect('p', {autoPong: false});
  assert.equal((await server.passingTime(failing.next('disconnected'), {before: () => witness.settled()})).code, 4000);
  assert.equal((await failing.end()).code, 4000);
  await witness.result('emit', {type: 'still'});
  await witness.next('event');
});
