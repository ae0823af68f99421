// Everything before the upgrade: plain HTTP over node's client, and heads that only a raw socket sends.

import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import WebSocket from 'ws';
import {Server, upgradeRequest, within} from './harness.mjs';

function request(server, method, path, headers = {}) {
  return within(new Promise((resolve, reject) => {
    http.request({port: server.port, host: '127.0.0.1', method, path, headers, agent: false}, response => {
      let body = '';
      response.on('data', data => { body += data; })
        .on('end', () => resolve({status: response.statusCode, headers: response.headers, body}));
    }).on('error', reject).end();
  }), `the answer to ${method} ${path}`);
}

test('GET and HEAD are the host\'s, elsewhere it is 404', async t => {
  const server = await Server.start(t);
  const health = await request(server, 'GET', '/health');
  assert.equal(health.status, 200);
  assert.equal(health.body, 'ok\n');
  assert.match(health.headers['content-type'], /^text\/plain/);
  const head = await request(server, 'HEAD', '/health');
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], '3');
  assert.equal(head.body, '');
  assert.equal((await request(server, 'GET', '/target?a=%20b&c')).body, '/target?a=%20b&c\n');
  assert.equal((await request(server, 'GET', '/none')).status, 404);
  assert.equal((await request(server, 'HEAD', '/none')).status, 404);
  assert.equal((await request(server, 'GET', '/')).status, 404);
});

test('other methods are 405 and say which there are', async t => {
  const server = await Server.start(t);
  for (const method of ['DELETE', 'TRACE', 'PATCH', 'BREW']) {
    const answer = method === 'BREW' ? await server.answerTo('BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
                                     : `HTTP/1.1 ${(await request(server, method, '/health')).status} `;
    assert.match(answer, /^HTTP\/1\.1 405 /, method);
  }
  assert.equal((await request(server, 'DELETE', '/ws/p')).headers.allow, 'GET, HEAD, OPTIONS');
});

test('OPTIONS is 204 where the host has no answer of its own', async t => {
  const server = await Server.start(t);
  for (const path of ['/none', '/ws/p', '/hotline.js']) {
    const answer = await request(server, 'OPTIONS', path);
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.allow, 'GET, HEAD, OPTIONS');
  }
  assert.match(await server.answerTo('OPTIONS /none HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 204 /);
});

test('a project asked for without an upgrade is 426, which says to what', async t => {
  const server = await Server.start(t);
  const answer = await request(server, 'GET', '/ws/p');
  assert.equal(answer.status, 426);
  assert.equal(answer.headers.upgrade, 'websocket');
  assert.equal(answer.headers['sec-websocket-version'], '13');
});

test('a hundred requests at once are each answered', async t => {
  const server = await Server.start(t);
  const answers = await Promise.all(Array.from({length: 100}, () => request(server, 'GET', '/health')));
  for (const answer of answers) assert.equal(answer.body, 'ok\n');
});

test('projects that no project can be called are 404 before the upgrade', async t => {
  const server = await Server.start(t);
  const opened = path => within(new Promise(resolve => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`);
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode))
      .on('message', data => resolve(JSON.parse(data).project_id))
      .on('error', () => {});
    server.clients.add({socket});
  }), path);
  assert.equal(await opened('/ws/a-b.c_D9'), 'a-b.c_D9');
  assert.equal(await opened('/ws/a%2Db?x=y'), 'a-b');
  for (const path of ['/ws/', '/ws', '/ws/a/b', '/ws/a%2fb', '/ws/%2e%2e', '/ws/%zz', '/ws/%00', '/ws/a%20b', '/', '/health',
                      `/ws/${'a'.repeat(129)}`])
    assert.equal(await opened(path), 404, path);
});

const refusals = [
  ['another version', {headers: {'Sec-WebSocket-Version': '8'}}, 426],
  ['a version that only begins right', {headers: {'Sec-WebSocket-Version': '13abc'}}, 426],
  ['no version', {headers: {'Sec-WebSocket-Version': null}}, 426],
  ['two versions', {more: 'Sec-WebSocket-Version: 13\r\n'}, 426],
  ['no key', {headers: {'Sec-WebSocket-Key': null}}, 400],
  ['a key of one byte', {headers: {'Sec-WebSocket-Key': 'AA=='}}, 400],
  ['a key that is not base64', {headers: {'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ*=='}}, 400],
  ['two keys', {more: 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'}, 400],
  ['Connection that names no upgrade', {headers: {Connection: 'keep-alive'}}, 400],
  ['Connection that only looks like it', {headers: {Connection: 'xupgradex'}}, 400],
  ['an upgrade to something else', {headers: {Upgrade: 'h2c'}}, 400],
  ['an upgrade that only looks like it', {headers: {Upgrade: 'notwebsocketx'}}, 400],
  ['POST', {method: 'POST', more: 'Content-Length: 0\r\n'}, 405],
  ['no Host', {headers: {Host: null}}, 400],
  ['two Hosts', {more: 'Host: other\r\n'}, 400],
  ['a space before the colon', {more: 'X-A : b\r\n'}, 400],
  ['a folded line', {more: 'X-A: b\r\n c\r\n'}, 400],
  ['NUL', {more: 'X-A: b\0c\r\n'}, 400],
  ['a control character', {more: 'X-A: b\x07c\r\n'}, 400],
  ['a bare CR', {more: 'X-A: b\rX-B: c\r\n'}, 400],
  ['a bare LF', {more: 'X-A: b\n'}, 400],
  ['a header without a name', {more: ': b\r\n'}, 400],
  ['a body', {more: 'Content-Length: 5\r\n'}, 413],
  ['a length that is no number', {more: 'Content-Length: abc\r\n'}, 400],
  ['two lengths', {more: 'Content-Length: 0\r\nContent-Length: 0\r\n'}, 400],
  ['chunks', {more: 'Transfer-Encoding: chunked\r\n'}, 400],
  ['HTTP/1.0', {version: 'HTTP/1.0'}, 505],
  ['HTTP/2.0', {version: 'HTTP/2.0'}, 505],
  ['HTTP/1.10', {version: 'HTTP/1.10'}, 400],
  ['a target that is no path', {target: 'ws/p'}, 400],
  ['a target with a fragment', {target: '/ws/p#x'}, 400],
  ['a head of 9 KiB', {more: `X-A: ${'x'.repeat(9 * 1024)}\r\n`}, 431],
  ['a target of 9 KiB', {target: `/ws/${'x'.repeat(9 * 1024)}`}, 431],
  ['101 headers', {more: Array.from({length: 101}, (_, i) => `X-${i}: x\r\n`).join('')}, 431],
];

test('a handshake that breaks a rule is refused, by name, and the connection ended', async t => {
  const server = await Server.start(t);
  await Promise.all(refusals.map(async ([name, changes, status]) => {
    const answer = await server.answerTo(upgradeRequest(changes));
    assert.equal(Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]), status, name);
    assert.match(answer, /\r\nConnection: close(, Upgrade)?\r\n/, name);
  }));
  assert.deepEqual((await (await server.connect()).result('status')).connections, 1);
});

test('requests that are unusual but right are taken', async t => {
  const server = await Server.start(t);
  for (const changes of [
    {headers: {Connection: 'keep-alive, upgrade', Upgrade: 'WebSocket'}},
    {more: 'Connection: keep-alive\r\n'},
    {more: 'Content-Length: 0\r\n'},
    {more: 'X-Empty:\r\nX-Tab:\ta\t\r\n'},
    {more: 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: chat\r\n'},
    {more: Array.from({length: 95}, (_, i) => `X-${i}: x\r\n`).join('')},
    {target: 'http://app.localhost/ws/p'},
  ]) {
    const raw = await server.raw();
    raw.socket.write(upgradeRequest(changes));
    const head = await raw.head();
    assert.match(head, /^HTTP\/1\.1 101 /, JSON.stringify(changes));
    assert.match(head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    assert.doesNotMatch(head, /Sec-WebSocket-(Extensions|Protocol)/i);
    raw.socket.destroy();
  }
});

test('a head may come byte by byte', async t => {
  const server = await Server.start(t);
  const raw = await server.raw();
  raw.socket.setNoDelay(true);
  for (const byte of upgradeRequest()) await new Promise(resolve => raw.socket.write(byte, resolve));
  assert.match(await raw.head(), /^HTTP\/1\.1 101 /);
});

test('a client that sends nothing is turned away after the time for a head', async t => {
  const server = await Server.start(t, '--handshake-ms', 1_000);
  const raw = await server.raw();
  await server.passingTime(raw.ended());
  assert.match(raw.received.toString(), /^HTTP\/1\.1 408 /);
});

test('garbage gets 400 and ends', async t => {
  const server = await Server.start(t);
  for (const bytes of ['\0\0\0\0', '\x16\x03\x01\x02\x00\x01\x00', '\r\n\r\n', 'GET /health\r\n\r\n', `${'A'.repeat(20_000)}`])
    assert.match(await server.answerTo(bytes), /^HTTP\/1\.1 4(00|31) /, JSON.stringify(bytes.slice(0, 20)));
});
