// RFC 6455 as npm `ws` sees it, and as it is seen by who breaks it.

import assert from 'node:assert/strict';
import test from 'node:test';
import {frame, Server} from './harness.mjs';

test('the server answers pings, with their payload and in order', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const payloads = ['', 'a', 'x'.repeat(125), ...Array.from({length: 90}, (_, i) => `ping ${i}`)];
  for (const payload of payloads) client.socket.ping(payload);
  for (const payload of payloads) assert.equal(await client.pongs.next('a pong'), payload);
});

test('an unsolicited pong has no effect', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  client.socket.pong('unasked');
  await client.settled();
});

test('a message may come in fragments, with pings between them', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const text = JSON.stringify({command: 'echo', id: 'f', payload: {text: 'grüße \u{1f600}'.repeat(50)}});
  const bytes = Buffer.from(text);  // cut anywhere, inside characters too
  for (let i = 0; i < bytes.length; ++i) {
    client.socket.send(bytes.subarray(i, i + 1), {binary: false, fin: i + 1 === bytes.length});
    if (i % 100 === 0) client.socket.ping(`at ${i}`);
  }
  for (let i = 0; i < bytes.length; i += 100) assert.equal(await client.pongs.next('a pong'), `at ${i}`);
  const answer = await client.next('command_response');
  assert.equal(answer.result.text, 'grüße \u{1f600}'.repeat(50));
});

test('a frame may come byte by byte, and many frames at once', async t => {
  const server = await Server.start(t, '--message-burst', 1_000);
  const raw = await server.raw();
  raw.socket.setNoDelay(true);
  await raw.upgrade();
  assert.equal((await raw.json()).type, 'connected');
  for (const byte of frame(0x81, '{"command":"echo","payload":{"n":1}}')) {
    await new Promise(resolve => raw.socket.write(Buffer.from([byte]), resolve));
  }
  assert.deepEqual((await raw.json()).result, {n: 1});
  const many = Array.from({length: 500}, (_, n) => frame(0x81, `{"command":"echo","payload":{"n":${n}}}`));
  raw.socket.write(Buffer.concat(many));
  for (let n = 0; n < 500; ++n) assert.deepEqual((await raw.json()).result, {n});
});

test('frames may come with the request', async t => {
  const server = await Server.start(t);
  const raw = await server.raw();
  raw.socket.cork();
  const upgraded = raw.upgrade();
  raw.socket.write(frame(0x81, '{"command":"echo","payload":{"early":true}}'));
  raw.socket.uncork();
  await upgraded;
  assert.equal((await raw.json()).type, 'connected');
  assert.deepEqual((await raw.json()).result, {early: true});
});

for (const [code, reason] of [[1000, 'done'], [1001, ''], [3000, 'ours'], [4999, 'ö'.repeat(61)]]) {
  test(`a client that closes with ${code} is answered with it, and the host is notified`, async t => {
    const server = await Server.start(t);
    const client = await server.connect();
    client.socket.close(code, reason);
    assert.equal((await client.end()).code, code);
    assert.equal(await server.printed.find(line => line.startsWith('closed'), 'its end'),
                 `closed ${client.hello.connection_id} ${code} ${reason}`);
  });
}

test('a close without a code is answered without one', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  client.socket.close();
  assert.equal((await client.end()).code, 1005);
});

test('a close of the server comes with its code and reason, after `disconnected`', async t => {
  const server = await Server.start(t);
  const [host, guest] = await server.connectMany(2);
  const reason = 'nicht für dich';
  await host.result('kick', {connection_id: guest.hello.connection_id, code: 4003, reason});
  const {timestamp, ...told} = await guest.next('disconnected');
  assert.deepEqual(told, {type: 'disconnected', code: 4003, reason, reconnect: false});
  assert.deepEqual(await guest.end(), {code: 4003, reason});
  const answer = await host.refusal('kick', {connection_id: guest.hello.connection_id, code: 4003, reason});
  assert.equal(answer.error.code, 'refused');
});

const offences = [
  ['a binary message', [frame(0x82, 'bytes')], 1003],
  ['text that is not UTF-8', [frame(0x81, Buffer.from([0x7b, 0xff, 0x7d]))], 1007],
  ['fragments that end inside a character', [frame(0x01, '"'), frame(0x80, Buffer.from([0xe2, 0x82]))], 1007],
  ['a message over the limit', [frame(0x81, 'x'.repeat(65_537))], 1009],
  ['fragments over the limit', [frame(0x01, 'x'.repeat(40_000)), frame(0x00, 'x'.repeat(40_000))], 1009],
  ['too many fragments', [frame(0x01), ...Array.from({length: 1_100}, () => frame(0x00))], 1009],
  ['a frame without a mask', [frame(0x81, '{}', {mask: false})], 1002],
  ['RSV1 without an extension', [frame(0xc1, '{}')], 1002],
  ['RSV2', [frame(0xa1, '{}')], 1002],
  ['RSV3', [frame(0x91, '{}')], 1002],
  ['an opcode that is reserved', [frame(0x83, '')], 1002],
  ['a control opcode that is reserved', [frame(0x8b, '')], 1002],
  ['a fragmented ping', [frame(0x09, '')], 1002],
  ['a ping of 126 bytes', [frame(0x89, 'x'.repeat(126))], 1002],
  ['a continuation of nothing', [frame(0x80, '{}')], 1002],
  ['a new message inside a fragmented one', [frame(0x01, '{'), frame(0x81, '{}')], 1002],
  ['a length not in its shortest form', [Buffer.from([0x81, 0xfe, 0, 1, 0, 0, 0, 0, 0x30])], 1002],
  ['a length with its highest bit set', [Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])], 1002],
  ['a length that would wrap', [frame(0x01, 'abcd'), Buffer.from([0x80, 0xff, 0x7f, ...Array(7).fill(0xff), 0, 0, 0, 0])], 1009],
  ['a close frame of one byte', [frame(0x88, 'x')], 1002],
  ['a close code that is never sent', [frame(0x88, Buffer.from([0x03, 0xed]))], 1002],
  ['a close reason that is not UTF-8', [frame(0x88, Buffer.from([0x03, 0xe8, 0xff]))], 1007],
];

test('every way to break the rules has its close code, and others notice nothing', async t => {
  const server = await Server.start(t);
  const witness = await server.connect();
  await Promise.all(offences.map(async ([name, frames, code]) => {
    const raw = await server.raw();
    await raw.upgrade();
    raw.socket.write(Buffer.concat(frames));
    assert.equal(await raw.closeCode(), code, name);
    await raw.ended();
  }));
  await witness.result('emit', {type: 'still'});
  assert.equal((await witness.next('event')).seq, 1);
  await untilAlone(server, witness);
});

// A client that broke the rules is gone when its socket is; our server learns of it in its own time.
async function untilAlone(server, witness) {
  for (let gone = 0; gone < offences.length; ++gone) await server.printed.find(line => line.startsWith('closed'), 'an end');
  assert.equal((await witness.result('status')).connections, 1);
}

test('bytes after a close frame are ignored', async t => {
  const server = await Server.start(t);
  const witness = await server.connect();
  const raw = await server.raw();
  await raw.upgrade();
  raw.socket.write(Buffer.concat([frame(0x88, Buffer.from([0x03, 0xe8])), frame(0x81, '{"command":"emit","payload":{"type":"late"}}')]));
  assert.equal(await raw.closeCode(), 1000);
  await raw.ended();
  await witness.settled();
  assert.equal(witness.inbox.size, 0);
});

test('sockets that are torn off at any moment leave the others alone', async t => {
  const server = await Server.start(t);
  const witness = await server.connect();
  const doomed = await server.connectMany(100);
  const half = await Promise.all(Array.from({length: 20}, () => server.raw()));
  half.forEach((raw, i) => raw.socket.write('GET /ws/p HTTP/1.1\r\nHost: localhost\r\n'.slice(0, i + 1)));
  for (const [i, client] of doomed.entries()) {
    if (i % 3 === 0) client.socket._socket.write(frame(0x81, '{"command":"echo"}').subarray(0, 7));
    if (i % 3 === 1) client.send({command: 'emit', payload: {type: 'last words', count: 1}});
    if (i % 2 === 0) client.socket._socket.resetAndDestroy();
    else client.socket.terminate();
  }
  for (const raw of half) raw.socket.resetAndDestroy();
  for (let gone = 0; gone < doomed.length; ++gone) await server.printed.find(line => line.startsWith('closed'), 'an end');
  assert.equal((await witness.result('status')).connections, 1);
  assert.equal((await witness.result('emit', {type: 'still'})).seq > 0, true);
});
