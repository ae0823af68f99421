// permessage-deflate as npm `ws` and a browser see it.

import assert from 'node:assert/strict';
import test from 'node:test';
import {launchBrowser} from './browser.mjs';
import {Server, within} from './harness.mjs';

const asks = {perMessageDeflate: true};

test('a client that asks for it receives fewer bytes for the same events', async t => {
  const server = await Server.start(t, '--deflate', 256);
  const small = await server.connect('p', asks);
  const large = await server.connect('p');
  assert.match(small.socket.extensions, /permessage-deflate/);
  assert.equal(large.socket.extensions, '');
  await large.result('emit', {type: 'tick', count: 50, pad: 2000});
  for (const client of [small, large]) {
    for (let n = 0; n < 50; ++n) {
      const event = await client.next('event');
      assert.equal(event.n, n);
      assert.equal(event.pad, 'x'.repeat(2000));
    }
  }
  await small.settled();
  assert.ok(small.socket._socket.bytesRead * 5 < large.socket._socket.bytesRead,
            `${small.socket._socket.bytesRead} against ${large.socket._socket.bytesRead} bytes`);
});

test('commands may come compressed, small ones too', async t => {
  const server = await Server.start(t, '--deflate', 0);
  const client = await server.connect('p', {perMessageDeflate: {threshold: 0}});
  for (const text of ['', 'hello', 'grüße \u{1f600}'.repeat(1000)]) {
    const result = await client.result('echo', {text});
    assert.equal(result.text, text);
  }
});

test('a session goes on whether or not the next connection asks', async t => {
  const server = await Server.start(t, '--deflate', 256);
  const first = await server.connect('p', asks);
  const helper = await server.connect('p');
  const {token} = first.hello.resume;
  first.socket.terminate();
  await helper.result('emit', {type: 'tick', count: 10, pad: 1000});
  const query = `?resume=${token}&epoch=${first.hello.epoch}&after=${first.hello.seq}`;
  const plain = await server.connect(`p${query}`);
  assert.equal(plain.hello.resumed, true);
  for (let n = 0; n < 10; ++n) assert.equal((await plain.next('event')).n, n);
  plain.socket.terminate();
  await helper.result('emit', {type: 'tick', count: 10, pad: 1000});
  const after = first.hello.seq + 10;
  const again = await server.connect(`p?resume=${plain.hello.resume.token}&epoch=${first.hello.epoch}&after=${after}`, asks);
  assert.equal(again.hello.resumed, true);
  for (let n = 0; n < 10; ++n) assert.equal((await again.next('event')).n, n);
});

test('a browser asks by itself, and receives every event', async t => {
  const server = await Server.start(t, '--deflate', 256);
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.port}/health`);
  const seen = await within(page.evaluate(() => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${location.host}/ws/p`);
    const events = [];
    socket.onmessage = ({data}) => {
      const message = JSON.parse(data);
      if (message.type === 'connected') {
        const payload = {type: 'tick', count: 20, pad: 1500};
        socket.send(JSON.stringify({command: 'emit', id: 'e'.repeat(60), payload}));
      }
      if (message.type === 'event') events.push([message.n, message.pad.length]);
      if (events.length === 20) resolve({extensions: socket.extensions, events});
    };
    socket.onclose = event => reject(new Error(`closed ${event.code}`));
  })), 'the page\'s events');
  assert.match(seen.extensions, /permessage-deflate/);
  assert.deepEqual(seen.events, Array.from({length: 20}, (_, n) => [n, 1500]));
});
