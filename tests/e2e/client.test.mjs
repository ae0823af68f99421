// The browser client against a real server: under node, and in Chromium as a page uses it.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test, {after, describe} from 'node:test';
import WebSocket from 'ws';
import {connect} from '../../include/hotline/browser/hotline.js';
import {launchBrowser} from './browser.mjs';
import {Inbox, Server, within} from './harness.mjs';
import {Proxy} from './proxy.mjs';

/** A server behind a proxy, and a client that comes back quickly. */
async function stage(t, {server = [], ...options} = {}) {
  const started = await Server.start(t, ...server);
  const proxy = await Proxy.start(t, started.port);
  const states = new Inbox(), gaps = [], heard = [];
  const client = connect(`http://127.0.0.1:${proxy.port}/ws/p`, {WebSocket, retryBase: 5, retryCap: 50, callTimeout: 0, ...options});
  t.after(() => client.close());
  client.onState((change) => states.put(change));
  client.onGap((gap) => gaps.push(gap));
  client.on('*', (event) => heard.push(event));
  await states.find(live, 'the first connection');
  return {server: started, proxy, client, states, gaps, heard};
}
const live = (change) => change.state === 'live';
const waiting = (change) => change.state === 'waiting';

/** Until the client has received the event with this number. */
const hears = (client, seq) => within(new Promise((resolve) => {
  const look = () => client.seq >= seq && resolve(stop());
  const stop = client.on('*', look);
  look();
}), `event ${seq}`);

describe('under node', () => {
  test('the module that the server serves is the one that is shipped', async (t) => {
    const server = await Server.start(t);
    const answer = await fetch(`http://127.0.0.1:${server.port}/hotline.js`);
    assert.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(await answer.text(), readFileSync(new URL('../../include/hotline/browser/hotline.js', import.meta.url), 'utf8'));
    const etag = answer.headers.get('etag');
    // fetch would ask its own cache.
    const again = await server.answerTo(`GET /hotline.js HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\n\r\n`);
    assert.match(again, /^HTTP\/1\.1 304 /);
  });

  test('a call that the server refuses is rejected for good, and the next ones go on', async (t) => {
    const {client, proxy, states} = await stage(t);  // a stage with calls that wait for ever
    const deep = JSON.parse('['.repeat(40) + ']'.repeat(40));
    const refused = [
      [{deep}, 'too_deep'],
      [{many: Array(10_000).fill(0)}, 'too_many_values'],
      [{big: 2 ** 64}, 'number_out_of_range'],
    ];
    for (const [payload, code] of refused) {
      await assert.rejects(within(client.call('echo', payload), code), {name: 'HotlineError', code, retryable: false});
      assert.deepEqual(await within(client.call('echo', {code}), 'the next'), {code});
    }
    await Promise.all(Array.from({length: 100}, () => assert.rejects(client.call('echo', {deep}), {code: 'too_deep'})));
    proxy.cut();
    await states.find(live, 'the way back');
    assert.deepEqual(await within(client.call('echo', {n: 1}), 'a call after it'), {n: 1});
  });

  test('cut a hundred times while events come: each once, in order, without a gap', async (t) => {
    const {server, proxy, client, states, gaps, heard} = await stage(t);
    const source = await server.connect();
    await source.result('subscribe', {events: []});
    let last = 0;
    for (let cut = 0; cut < 100; ++cut) {
      ({seq: last} = await source.result('emit', {type: 'line', count: 200}));
      if (cut % 3 === 0) await hears(client, last - 100);
      proxy.cut();
      await states.find(live, 'the way back');
    }
    ({seq: last} = await source.result('emit', {type: 'line', count: 1}));
    await hears(client, last);
    assert.deepEqual(heard.map(({seq}) => seq), Array.from({length: last}, (_, n) => n + 1));
    assert.equal(last, 20_001);
    assert.deepEqual(gaps, []);
  });

  test('commands run once, however often the line is cut', async (t) => {
    const {proxy, client, heard} = await stage(t);
    const calls = [];
    for (let n = 0; n < 300; ++n) {
      calls.push(client.call('emit', {type: 'done', fields: {n}}));
      if (n % 20 === 0) {
        await new Promise(setImmediate);
        proxy.cut();
        await within(client.ready(), 'the way back');
      }
    }
    const numbers = (await within(Promise.all(calls), 'the answers')).map(({seq}) => seq);
    await hears(client, Math.max(...numbers));
    assert.deepEqual(heard.map(({n}) => n).sort((a, b) => a - b), calls.map((_, n) => n));
    for (const {seq, n} of heard) assert.equal(numbers[n], seq);
  });

  test('a command that runs while the line is cut goes on, and can be stopped then', async (t) => {
    const {server, proxy, client, states} = await stage(t);
    const stop = new AbortController(), steps = new Inbox();
    const call = client.call('slow', {steps: 2, wait: true}, {signal: stop.signal, onProgress: (p) => steps.put(p.step)});
    assert.deepEqual([await steps.next(), await steps.next()], [1, 2]);
    proxy.cut();
    await states.find(waiting, 'the loss');
    stop.abort(new Error('enough'));
    await assert.rejects(call, {message: 'enough'});
    await server.printed.find((line) => line === 'told to stop', 'the command to be stopped');
  });

  test('a server that is killed: the client learns that its history is another, and receives the new one', async (t) => {
    const {server, proxy, client, gaps, heard, states} = await stage(t, {events: ['line']});
    assert.equal((await client.call('emit', {type: 'line', count: 30})).seq, 30);
    await hears(client, 30);
    const running = client.call('slow', {steps: 1, wait: true});
    running.catch(() => {});
    const reading = client.call('slow', {steps: 1}, {idempotent: true});
    await reading;
    proxy.target = null;
    await server.kill();
    await states.find(waiting, 'the loss');
    const meanwhile = client.call('emit', {type: 'line', count: 2});
    const second = await Server.start(t);
    proxy.target = second.port;
    client.check();
    await within(meanwhile, 'the answer of the second server');
    await assert.rejects(running, {code: 'session_lost'});
    assert.deepEqual(gaps, [{type: 'gap', reason: 'epoch_changed'}]);
    await client.call('emit', {type: 'other'});
    await client.call('emit', {type: 'line'});
    await hears(client, 4);
    assert.deepEqual(heard.slice(30).map(({seq}) => seq), [1, 2, 4]);
    assert.deepEqual(client.subscriptions, ['line']);
  });

  test('a server that stops says so, and is waited for', async (t) => {
    const {server, proxy, client, states} = await stage(t);
    proxy.target = null;
    client.call('stop').catch(() => {});
    const change = await states.find(waiting, 'the farewell');
    assert.deepEqual([change.code, change.reason], [1001, 'the server is shutting down']);
    await within(server.exited, 'the end of the server');
    proxy.target = (await Server.start(t)).port;
    client.check();
    assert.equal((await states.find(live, 'the way back')).reason, 'epoch_changed');
  });

  test('a session that waited too long: a gap, and calls that may have run are given back', async (t) => {
    const {server, proxy, client, gaps, states} = await stage(t, {server: ['--resume-window-ms', 1]});
    const id = client.session.connection_id;
    const running = client.call('slow', {steps: 0, wait: true});
    await client.call('echo');
    const target = proxy.target;
    proxy.target = null;
    proxy.cut();
    await states.find(waiting, 'the loss');
    // Its command is stopped when the session is over.
    await server.printed.find((line) => line.startsWith('closed'), 'the end of the connection');
    await server.advance(1);
    await server.printed.find((line) => line === 'told to stop', 'the end of the session');
    proxy.target = target;
    client.check();
    await assert.rejects(within(running, 'the refusal'), {code: 'session_lost', retryable: false});
    assert.deepEqual(gaps, [{type: 'gap', reason: 'expired'}]);
    assert.notEqual(client.session.connection_id, id);
  });

  test('a client that is sent away stays away', async (t) => {
    const {client, states} = await stage(t);
    const call = client.call('slow', {steps: 0, wait: true});
    await client.call('kick', {connection_id: client.session.connection_id, code: 4003, reason: 'not yours'}).catch(() => {});
    assert.deepEqual(await states.find(({state}) => state === 'closed', 'the end'), {state: 'closed', code: 4003, reason: 'not yours'});
    await assert.rejects(call, {code: 'closed', message: 'not yours'});
  });

  test('a network that dies without a word is noticed, and the session goes on elsewhere', async (t) => {
    const {proxy, client, gaps, states} = await stage(t, {pingInterval: 20, pingTimeout: 20});
    const id = client.session.connection_id;
    proxy.freeze();
    const change = await states.find(waiting, 'the loss');
    assert.equal(change.reason, 'the server fell silent');
    proxy.thaw();
    assert.equal((await states.find(live, 'the way back')).resumed, true);
    assert.equal(client.session.connection_id, id);
    assert.deepEqual(gaps, []);
  });

  test('closing ends the session for good', async (t) => {
    const {server, client} = await stage(t);
    const id = client.session.connection_id;
    client.close();
    assert.equal(await server.printed.find((line) => line.startsWith('closed'), 'the end'), `closed ${id} 1000 `);
  });
});

describe('in Chromium', async () => {
  const browser = await launchBrowser();
  after(() => browser.close());

  /** A page with a live client, as `window.client`, that keeps its events in `window.kept`. */
  async function opened(t, ...args) {
    const server = await Server.start(t, ...args);
    const proxy = await Proxy.start(t, server.port);
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${proxy.port}/health`);
    await page.evaluate(async () => {
      const {connect} = await import('/hotline.js');
      window.kept = {seqs: [], gaps: [], states: []};
      window.client = connect('/ws/p', {retryBase: 5, retryCap: 50, callTimeout: 0});
      client.on('*', ({seq}) => kept.seqs.push(seq));
      client.onGap(({reason}) => kept.gaps.push(reason));
      client.onState(({state}) => kept.states.push(state));
      await client.ready();
    });
    return {server, proxy, context, page};
  }

  test('cut a hundred times while events come: each once, in order, without a gap', async (t) => {
    const {server, proxy, page} = await opened(t);
    const source = await server.connect();
    await source.result('subscribe', {events: []});
    for (let cut = 0; cut < 100; ++cut) {
      const {seq: last} = await source.result('emit', {type: 'line', count: 200});
      // It must not fall behind by more than the log holds.
      if (cut % 3 === 0) await page.waitForFunction((seq) => client.seq >= seq, last - 100);
      const before = await page.evaluate(() => kept.states.filter((state) => state === 'live').length);
      proxy.cut();
      await page.waitForFunction((times) => kept.states.filter((state) => state === 'live').length > times, before);
    }
    await page.waitForFunction(() => client.seq === 20_000);
    assert.deepEqual(await page.evaluate(() => kept.gaps), []);
    assert.ok(await page.evaluate(() => kept.seqs.length === 20_000 && kept.seqs.every((seq, n) => seq === n + 1)));
  });

  test('a device that goes offline and comes back resumes, with what was asked meanwhile', async (t) => {
    const {proxy, context, page} = await opened(t);
    await context.setOffline(true);
    proxy.cut();
    await page.waitForFunction(() => client.state === 'waiting');
    await page.evaluate(() => { window.asked = client.call('emit', {type: 'line'}); });
    await context.setOffline(false);
    assert.deepEqual(await page.evaluate(() => asked), {seq: 1});
    await page.waitForFunction(() => kept.seqs.length === 1);
    assert.deepEqual(await page.evaluate(() => kept.gaps), []);
  });

  test('a page that is left ends its connection, and its session may come back', async (t) => {
    const {server, page} = await opened(t);
    await page.goto('about:blank');
    assert.match(await server.printed.find((line) => line.startsWith('closed'), 'the end'), /^closed [0-9a-f]{16} (1001|1006) /);
  });
});
