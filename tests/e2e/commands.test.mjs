// Commands: results, errors, progress, cancelling, and one answer for each id.

import assert from 'node:assert/strict';
import test from 'node:test';
import {Server, within} from './harness.mjs';

test('a command answers with its result, under its id', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const payload = {text: 'ünï\u0000"\\\u{1f600}', list: [1, -2.5, 1e300, true, null, [], {}], '': 0};
  assert.deepEqual(await client.result('echo', payload), payload);
  assert.deepEqual(await client.result('echo', payload, {id: 'a text of mine'}), payload);
  assert.deepEqual(await client.result('echo', {}, {id: -9_007_199_254_740_991}), {});
});

test('a command without an id is answered without one', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  client.send({command: 'echo', payload: {n: 1}});
  const {timestamp, ...answer} = await client.next('command_response');
  assert.deepEqual(answer, {type: 'command_response', command: 'echo', result: {n: 1}});
});

test('a thousand commands at once are each answered, in order', async t => {
  const server = await Server.start(t, '--message-burst', 1_000);
  const client = await server.connect();
  const results = await Promise.all(Array.from({length: 1_000}, (_, n) => client.result('echo', {n})));
  assert.deepEqual(results.map(r => r.n), Array.from({length: 1_000}, (_, n) => n));
});

test('a handler that throws affects no other client, and its secret stays with the host', async t => {
  const server = await Server.start(t);
  const [client, other] = await server.connectMany(2);
  const {error} = await client.refusal('fail');
  assert.equal(error.code, 'internal_error');
  assert.equal(error.retryable, false);
  assert.ok(!JSON.stringify(error).includes('secret'));
  assert.equal(await server.printed.find(line => line.startsWith('threw'), 'what was thrown'),
               "threw fail a secret of the server's");
  await Promise.all([client.settled(), other.settled()]);
});

test('each mistake has its name', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  assert.equal((await client.refusal('nonesuch')).error.code, 'unknown_command');
  const {error} = await client.refusal('slow', {steps: 'three'});
  assert.equal(error.code, 'invalid_payload');
  assert.equal(error.message, 'steps: expected integer');
  assert.equal((await client.refusal('slow')).error.message, 'steps: missing');
  assert.equal((await client.refusal('subscribe', {events: 'a'})).error.code, 'invalid_payload');
  assert.equal((await client.refusal('silent')).error.code, 'no_reply');

  const told = async text => {
    client.send(text);
    return (await client.inbox.next('an error'));
  };
  assert.equal((await told('{')).code, 'not_json');
  assert.equal((await told('"text"')).code, 'not_an_object');
  assert.equal((await told('{}')).code, 'no_command');
  assert.equal((await told('{"command":"echo","command":"fail"}')).code, 'duplicate_key');
  assert.equal((await told('[['.repeat(10_000))).code, 'too_deep');
  assert.equal((await told('{"command":"echo","id":1.5}')).error.code, 'invalid_id');
  assert.equal((await told('{"command":"echo","payload":[]}')).error.code, 'invalid_payload');
  await client.settled();
});

test('progress comes before the answer, from another thread, in order', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const reports = [];
  assert.deepEqual(await client.result('slow', {steps: 200}, {progress: p => reports.push(p)}), {steps: 200});
  assert.deepEqual(reports, Array.from({length: 200}, (_, i) => ({step: i + 1, of: 200})));
});

test('a slow command holds up no other, of its own client neither', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const waiting = client.refusal('slow', {steps: 0, wait: true}, {id: 'slow'});
  await client.settled();
  assert.deepEqual(await client.result('echo', {n: 1}), {n: 1});
  assert.deepEqual(await client.result('cancel', {id: 'slow'}), {cancelled: true});
  assert.equal((await waiting).error.code, 'cancelled');
});

test('cancel reaches the command that it names, of this client alone', async t => {
  const server = await Server.start(t);
  const [client, other] = await server.connectMany(2);
  const first = client.refusal('slow', {steps: 1, wait: true}, {id: 1});
  const second = client.refusal('slow', {steps: 1, wait: true}, {id: 'two'});
  await client.settled();
  assert.deepEqual(await other.result('cancel', {id: 1}, {id: 99}), {cancelled: false});
  assert.deepEqual(await client.result('cancel', {id: 'none'}, {id: 100}), {cancelled: false});
  assert.deepEqual(await client.result('cancel', {id: 'two'}, {id: 101}), {cancelled: true});
  assert.equal((await second).error.code, 'cancelled');
  assert.deepEqual(await client.result('cancel', {id: 'two'}, {id: 102}), {cancelled: false});
  assert.deepEqual(await client.result('cancel', {id: 1}, {id: 103}), {cancelled: true});
  assert.equal((await first).error.code, 'cancelled');
});

test('an id runs once: asked again it gets the answer that it had, or the one still to come', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const emit = {command: 'emit', id: 'once', payload: {type: 'tick'}};
  for (let i = 0; i < 3; ++i) client.send(emit);
  const answers = [];
  const events = [];
  while (answers.length < 3) {
    const message = await client.inbox.next('the answer, three times');
    (message.type === 'event' ? events : answers).push(message);
  }
  await client.settled();
  while (client.inbox.size > 0) events.push(await client.next('event'));
  assert.equal(events.length, 1);
  for (const answer of answers) assert.deepEqual(answer, answers[0]);

  for (let i = 0; i < 3; ++i) client.send({command: 'slow', id: 'later', payload: {steps: 0, wait: true}});
  await client.settled();
  await client.result('cancel', {id: 'later'});
  assert.equal((await client.next('command_error')).id, 'later');
  await client.settled();
  assert.equal(client.inbox.size, 0);
});

test('a command without an answer in time gets timeout, and its handler is stopped', async t => {
  const server = await Server.start(t, '--command-timeout-ms', 100);
  const client = await server.connect();
  const refusal = client.refusal('slow', {steps: 0, wait: true});
  await client.settled();
  await server.advance(100);
  const {error} = await refusal;
  assert.equal(error.code, 'timeout');
  assert.equal(error.retryable, true);
  await client.settled();
  assert.equal(client.inbox.size, 0);
});

test('more commands at once than allowed are refused, those under way go on', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  const most = client.hello.limits.commands_in_flight;
  const waiting = [];
  for (let i = 0; i < most; ++i) waiting.push(client.refusal('slow', {steps: 0, wait: true}, {id: `w${i}`}));
  const {error} = await client.refusal('slow', {steps: 0});
  assert.equal(error.code, 'too_many_commands');
  assert.equal(error.retryable, true);
  client.socket.close();
  await client.end();
  await Promise.allSettled(waiting);
});

test('the handler of a session that has ended is stopped', async t => {
  const server = await Server.start(t, '--resume-window-ms', 0);
  const gone = await server.connect();
  gone.send({command: 'slow', id: 1, payload: {steps: 5, wait: true}});
  await gone.next('command_progress');
  gone.socket.terminate();
  await server.printed.find(line => line === 'told to stop', 'the stop of its handler');
});

test('the handler of a detached session is stopped when the server stops', async t => {
  const server = await Server.start(t);
  const [gone, other] = await server.connectMany(2);
  gone.send({command: 'slow', id: 1, payload: {steps: 5, wait: true}});
  await gone.next('command_progress');
  gone.socket.terminate();
  await server.printed.find(line => line.startsWith(`closed ${gone.hello.connection_id}`), 'its end');
  await other.result('stop');
  // The server joins its workers before it ends: one that still waited would keep it.
  assert.deepEqual(await within(server.exited, 'the end of the server'), {code: 0, signal: null});
});

test('a large answer arrives whole', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  assert.equal((await client.result('big', {bytes: 200_000})).text.length, 200_000);
});

test('ping answers with pong, which tells where the log ends', async t => {
  const server = await Server.start(t);
  const client = await server.connect();
  await client.result('emit', {type: 'tick', count: 3});
  await client.events(3);
  client.send({command: 'ping', id: 'p'});
  const {timestamp, ...pong} = await client.next('pong');
  assert.deepEqual(pong, {type: 'pong', id: 'p', seq: 3});
});

test('status lists the clients that are there and their subscriptions', async t => {
  const server = await Server.start(t);
  const a = await server.connect('a');
  await server.advance(1);  // the oldest is listed first
  const b = await server.connect('b');
  await b.result('subscribe', {events: ['y', 'x']});
  const status = await a.result('status');
  assert.equal(status.connections, 2);
  assert.deepEqual(status.projects, [{project_id: 'a', connections: 1}, {project_id: 'b', connections: 1}]);
  assert.deepEqual(status.list.map(c => [c.connection_id, c.subscriptions, c.healthy]),
                   [[a.hello.connection_id, ['*'], true], [b.hello.connection_id, ['x', 'y'], true]]);
  assert.match(status.list[0].remote_address, /^127\.0\.0\.1:\d+$/);
});
