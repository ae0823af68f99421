// The events that clients of other authors receive, and in which order.

import assert from 'node:assert/strict';
import test from 'node:test';
import {Server} from './harness.mjs';

const numbers = (from, count) => Array.from({length: count}, (_, i) => from + i);

test('a client is greeted with what it needs to know', async t => {
  const before = Date.now() / 1000;
  const server = await Server.start(t, '--ping-ms', 20_000, '--timeout-ms', 60_000);
  const {hello, socket} = await server.connect('my.project-1');
  assert.equal(hello.project_id, 'my.project-1');
  assert.match(hello.connection_id, /^\S+$/);
  assert.equal(hello.protocol, 1);
  assert.equal(typeof hello.epoch, 'string');
  assert.equal(hello.seq, 0);
  assert.equal(hello.resumed, false);
  assert.deepEqual(hello.heartbeat, {interval: 20, timeout: 60});
  assert.equal(hello.limits.message_bytes, 65_536);
  assert.ok(hello.timestamp > before - 1 && hello.timestamp < Date.now() / 1000 + 1, `${hello.timestamp}`);
  assert.equal(socket.protocol, '');
  assert.equal(socket.extensions, '');
});

test('the default offers of ws, compression and a subprotocol, are not taken', async t => {
  const server = await Server.start(t);
  const {socket} = await server.connect('p', {perMessageDeflate: true});
  assert.equal(socket.extensions, '');
});

test('10,000 events reach 20 clients, each once and in order', async t => {
  const server = await Server.start(t);
  const clients = await server.connectMany(20);
  const asked = clients[0].result('emit', {type: 'tick', count: 10_000, fields: {of: 'many', deep: {list: [1, 'é', null]}}});
  for (const client of clients) {
    const events = await client.events(10_000);
    assert.deepEqual(events.map(e => e.seq), numbers(1, 10_000));
    assert.deepEqual(events.map(e => e.n), numbers(0, 10_000));
    const {timestamp, ...rest} = events[4711];
    assert.equal(typeof timestamp, 'number');
    assert.deepEqual(rest, {
      type: 'event', event_type: 'tick', project_id: 'p', seq: 4712, of: 'many', deep: {list: [1, 'é', null]}, n: 4711,
    });
  }
  assert.deepEqual(await asked, {seq: 10_000});
  await Promise.all(clients.map(c => c.settled()));
  for (const client of clients) assert.equal(client.inbox.size, 0);
});

test('each of 1,000 clients receives each event', async t => {
  const server = await Server.start(t);
  const clients = await server.connectMany(1_000);
  assert.equal(new Set(clients.map(c => c.hello.connection_id)).size, 1_000);
  assert.equal((await clients[0].result('status')).connections, 1_000);
  clients[0].send({command: 'emit', payload: {type: 'tick', count: 50}});
  clients[999].send({command: 'emit', payload: {type: 'tock', count: 50}});
  for (const client of clients) {
    const heard = [];
    while (heard.length < 100) {
      const message = await client.inbox.next('an event');
      if (message.type === 'event') heard.push(message.seq);
      else assert.equal(message.type, 'command_response');
    }
    assert.deepEqual(heard, numbers(1, 100));
  }
});

test('events emitted by several threads at once have one order for everybody, and keep their own', async t => {
  const server = await Server.start(t);
  const clients = await server.connectMany(5);
  const asked = clients[0].result('emit_from_threads', {threads: 4, count: 2_000});
  const heard = await Promise.all(clients.map(c => c.events(8_000)));
  assert.deepEqual(await asked, {emitted: 8_000});
  const order = events => events.map(({seq, thread, n}) => ({seq, thread, n}));
  for (const events of heard) assert.deepEqual(order(events), order(heard[0]));
  assert.deepEqual(heard[0].map(e => e.seq), numbers(1, 8_000));
  for (let thread = 0; thread < 4; ++thread)
    assert.deepEqual(heard[0].filter(e => e.thread === thread).map(e => e.n), numbers(0, 2_000));
});

test('subscribe and unsubscribe decide which events come, from that moment on', async t => {
  const server = await Server.start(t);
  const teller = await server.connect();
  const client = await server.connect();
  const emitAll = async () => {
    for (const type of ['a', 'b', 'c']) await teller.result('emit', {type});
  };
  const hears = async types => {
    await emitAll();
    await client.settled();
    const heard = [];
    while (client.inbox.size > 0) heard.push((await client.next('event')).event_type);
    assert.deepEqual(heard, types);
  };
  await hears(['a', 'b', 'c']);
  assert.deepEqual((await client.result('subscribe', {events: ['a']})).events, ['a']);
  await hears(['a']);
  assert.deepEqual((await client.result('subscribe', {events: ['c', 'x']})).events, ['a', 'c', 'x']);
  await hears(['a', 'c']);
  assert.deepEqual((await client.result('unsubscribe', {events: ['a']})).events, ['c', 'x']);
  await hears(['c']);
  assert.deepEqual((await client.result('subscribe', {events: ['*']})).events, ['*']);
  await hears(['a', 'b', 'c']);
  assert.deepEqual((await client.result('unsubscribe', {events: ['*']})).events, []);
  await hears([]);
});

test('clients with 50 different filters each receive exactly their own events', async t => {
  const server = await Server.start(t);
  const teller = await server.connect();
  await teller.result('unsubscribe', {events: ['*']});
  const clients = await server.connectMany(50);
  await Promise.all(clients.map((c, i) => c.result('subscribe', {events: [`t${i}`, 'for_all']})));
  for (let i = 0; i < 50; ++i) await teller.result('emit', {type: `t${i}`, count: 20});
  await teller.result('emit', {type: 'for_all'});
  await Promise.all(clients.map(async (client, i) => {
    const events = await client.events(21);
    assert.deepEqual(events.map(e => e.seq), [...numbers(20 * i + 1, 20), 1_001]);
    assert.equal(events[20].event_type, 'for_all');
  }));
});

test('projects receive nothing of each other, and number for themselves', async t => {
  const server = await Server.start(t);
  const [a, b] = [await server.connect('a'), await server.connect('b')];
  await a.result('emit', {type: 'of_a', count: 3});
  await b.result('emit', {type: 'of_b', count: 2});
  assert.deepEqual((await a.events(3)).map(e => [e.project_id, e.seq]), [['a', 1], ['a', 2], ['a', 3]]);
  assert.deepEqual((await b.events(2)).map(e => [e.project_id, e.seq]), [['b', 1], ['b', 2]]);
  await Promise.all([a.settled(), b.settled()]);
  assert.equal(a.inbox.size + b.inbox.size, 0);
});

test('a client that comes later receives what is emitted from then on', async t => {
  const server = await Server.start(t);
  const early = await server.connect();
  await early.result('emit', {type: 'tick', count: 5});
  const late = await server.connect();
  assert.equal(late.hello.seq, 5);
  assert.equal(late.hello.epoch, early.hello.epoch);
  await early.result('emit', {type: 'tick'});
  assert.equal((await late.next('event')).seq, 6);
});

test('messages of the host have their own type, and those for one client have no number', async t => {
  const server = await Server.start(t);
  const [one, other] = await server.connectMany(2);
  await one.result('broadcast', {type: 'notice', text: 'to all'});
  for (const client of [one, other]) {
    const {timestamp, ...notice} = await client.next('notice');
    assert.deepEqual(notice, {type: 'notice', project_id: 'p', seq: 1, text: 'to all'});
  }
  await one.result('tell_me', {type: 'secret', text: 'to one'});
  const {timestamp, ...secret} = await one.next('secret');
  assert.deepEqual(secret, {type: 'secret', project_id: 'p', text: 'to one'});
  await other.settled();
  assert.equal(other.inbox.size, 0);
});

test('an event that would forge the envelope is refused where it is emitted', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  for (const name of ['type', 'timestamp', 'event_type', 'project_id', 'seq'])
    assert.equal((await client.refusal('emit', {type: 'x', fields: {[name]: 1}})).error.code, 'refused');
  assert.equal((await client.refusal('emit', {type: 'no type'})).error.code, 'refused');
  await client.settled();
  assert.equal(client.inbox.size, 0);
});

test('an event of nearly a megabyte arrives whole', async t => {
  const server = await Server.start(t);
  const clients = await server.connectMany(10);
  await clients[0].result('emit', {type: 'big', pad: 1_000_000});
  for (const client of clients) assert.equal((await client.next('event')).pad, 'x'.repeat(1_000_000));
  assert.equal((await clients[0].refusal('emit', {type: 'big', pad: 1_100_000})).error.code, 'refused');
});
