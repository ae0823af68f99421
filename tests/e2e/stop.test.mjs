// How a server ends: each client is notified, what was accepted arrives, and the process ends with 0.

import assert from 'node:assert/strict';
import test from 'node:test';
import {Server, within} from './harness.mjs';

async function isToldAndClosed(client) {
  const {timestamp, retry_after, ...told} = await client.inbox.find(m => m.type === 'disconnected', 'disconnected');
  assert.ok(retry_after >= 0 && retry_after <= 5, `retry_after ${retry_after}`);
  assert.deepEqual(told, {type: 'disconnected', code: 1001, reason: 'the server is shutting down', reconnect: true});
  assert.deepEqual(await client.end(), {code: 1001, reason: 'the server is shutting down'});
}

function ended(server) {
  return within(server.exited, 'the end of the server');
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} tells every client and ends with 0`, async t => {
    const server = await Server.start(t);
    const clients = [...await server.connectMany(50, 'a'), ...await server.connectMany(50, 'b')];
    server.process.kill(signal);
    await Promise.all(clients.map(isToldAndClosed));
    assert.deepEqual(await ended(server), {code: 0, signal: null});
    assert.equal(await server.printed.find(line => !line.startsWith('opened') && !line.startsWith('closed'), 'the end'),
                 'stopped', 'the last word, behind every end of a client');
  });
}

test('a command may stop the server, and its events still arrive', async t => {
  const server = await Server.start(t);
  const [host, ...others] = await server.connectMany(10);
  host.send({command: 'emit', payload: {type: 'last', count: 5_000}});
  host.send({command: 'stop', id: 'stop'});
  for (const client of others) assert.equal((await client.events(5_000)).at(-1).seq, 5_000);
  await Promise.all([host, ...others].map(isToldAndClosed));
  assert.deepEqual(await ended(server), {code: 0, signal: null});
});

test('commands under way are stopped, and hold nothing up', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  client.send({command: 'slow', id: 1, payload: {steps: 1, wait: true}});
  await client.next('command_progress');
  server.process.kill('SIGTERM');
  await isToldAndClosed(client);
  assert.deepEqual(await ended(server), {code: 0, signal: null});
});

test('a client that reads late still gets what was accepted for it', async t => {
  const server = await Server.start(t, '--send-buffer', 65_536, '--drain-ms', 60_000);
  const [host, late] = await server.connectMany(2);
  late.socket.pause();
  await host.result('emit', {type: 'load', count: 1_000, pad: 4_096});
  await host.events(1_000);
  server.process.kill('SIGTERM');
  await isToldAndClosed(host);
  late.socket.resume();
  assert.deepEqual((await late.events(1_000)).map(e => e.seq), Array.from({length: 1_000}, (_, i) => i + 1));
  await isToldAndClosed(late);
  assert.deepEqual(await ended(server), {code: 0, signal: null});
});

test('the server waits no longer than the bound for clients that never read, answer or ask', async t => {
  const server = await Server.start(t, '--send-buffer', 65_536, '--drain-ms', 500);
  const host = await server.connect();
  const stuck = await server.connect();
  stuck.socket.pause();
  const mute = await server.raw();
  await mute.upgrade();
  const blank = await server.raw();
  await host.result('emit', {type: 'load', count: 1_000, pad: 4_096});
  server.process.kill('SIGTERM');
  assert.deepEqual(await server.passingTime(ended(server)), {code: 0, signal: null});
  await Promise.all([mute.ended(), blank.ended()]);
});

test('a server without clients ends at once', async t => {
  const server = await Server.start(t);
  server.process.kill('SIGTERM');
  assert.deepEqual(await ended(server), {code: 0, signal: null});
});
