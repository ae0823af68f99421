// Lines that are slow, that stall, end on one side and break at any byte, and what the server promises even so. Everything
// is decided by a seed: HOTLINE_SEED=N plays one, HOTLINE_SEEDS=N the first so many, of the tests that are random.
import assert from 'node:assert/strict';
import test, {after} from 'node:test';
import WebSocket from 'ws';
import {connect} from '../../include/hotline/browser/hotline.js';
import {Server, within} from './harness.mjs';
import {bounds, keepsItsPromises} from './promises.mjs';
import {Chance, Proxy} from './proxy.mjs';

// A line that broke in the middle of anything may leave a socket that never ends: it is not what is tested.
after(() => { setTimeout(() => process.exit(), 5_000).unref(); });

// Pings are among what gets lost. It is the clients who find out about stalled lines.

async function survives(t, weather, {lines = 0, ...options} = {}) {
  const server = await Server.start(t, ...bounds, '--send-buffer', 64 * 1024);
  const proxy = await Proxy.start(t, server.port, {weather});
  const crowd = await keepsItsPromises(t, server, `ws://127.0.0.1:${proxy.port}/ws/p`,
    {patience: 400, enough: () => proxy.count >= lines, ...options});
  return {crowd, proxy};
}

test('lines on which everything comes late', async (t) => {
  const chance = new Chance(1);
  const delay = () => chance.below(15);
  await survives(t, () => ({up: {delay}, down: {delay}}), {patience: 10_000});
});

test('lines that carry one byte at a time', async (t) => {
  await survives(t, () => ({up: {piece: 1}, down: {piece: 1}}),
    {patience: 10_000, clients: 3, rounds: 4, count: 10, pad: 100});
});

// Both sides' first words are some hundred bytes: the request and its answer, the greeting, a command. A line for each.
const firstWords = 600;

test('lines that break at each byte of what a client says first', async (t) => {
  await survives(t, (n) => n < firstWords ? {up: {cutAt: n}} : {}, {rounds: 6, marks: 4, lines: firstWords});
});

test('lines that break at each byte of what the server says first', async (t) => {
  await survives(t, (n) => n < firstWords ? {down: {cutAt: n}} : {}, {rounds: 3, lines: firstWords});
});

test('lines that break now and then, in the middle of anything', async (t) => {
  const chance = new Chance(2);
  const cutAt = () => 300 + chance.below(20_000);
  await survives(t, () => chance.once(2) ? {up: {cutAt: cutAt()}} : {down: {cutAt: cutAt()}},
    {rounds: 40, enough: (crowd) => crowd.some((client) => client.connects > 5)});
});

test('lines on which one side ends', async (t) => {
  const chance = new Chance(3);
  const endAt = () => 300 + chance.below(4_000);
  await survives(t, () => chance.once(2) ? {up: {endAt: endAt()}} : {down: {endAt: endAt()}}, {rounds: 20});
});

test('lines that stall, in either direction or both', async (t) => {
  const chance = new Chance(4);
  const stallAt = () => chance.below(8_000);
  await survives(t, () => [{up: {stallAt: stallAt()}}, {down: {stallAt: stallAt()}},
    {up: {stallAt: stallAt()}, down: {stallAt: stallAt()}}][chance.below(3)], {rounds: 12});
});

test('lines that stall for longer than the log keeps: the client receives a gap', async (t) => {
  const server = await Server.start(t, ...bounds, '--send-buffer', 32 * 1024, '--log-bytes', 256 * 1024);
  const proxy = await Proxy.start(t, server.port);
  const crowd = await keepsItsPromises(t, server, `ws://127.0.0.1:${proxy.port}/ws/p`, {
    patience: Infinity, clients: 4, rounds: 30, count: 50, pad: 2_000, gaps: true, marks: 0, step: 0,
    during: async (round) => {
      if (round === 1) for (const line of proxy.lines) line.down.stall();
      if (round === 28) for (const line of proxy.lines) line.down.go();
    },
  });
  for (const client of crowd) {
    assert.ok(client.gaps.length > 0);
    assert.equal(client.connects, 1);
  }
});

/** Everything that may be wrong with a line at once; none of it lasts. */
function anything(chance) {
  const way = (most) => {
    const at = () => chance.below(most);
    return {
      ...chance.once(4) && {delay: () => chance.below(8)},
      ...chance.once(4) && {piece: 1 + chance.below(chance.once(2) ? 3 : 1_000)},
      ...chance.once(12) && {stallAt: at()},
      ...chance.once(4) && {endAt: at()},
      cutAt: at(),
    };
  };
  return {up: way(4_000), down: way(40_000)};
}

const one = process.env.HOTLINE_SEED;
const seeds = one === undefined ? Array.from({length: Number(process.env.HOTLINE_SEEDS ?? 2)}, (_, n) => n + 1) : [Number(one)];
for (const seed of seeds) {
  test(`everything at once, seed ${seed}`, async (t) => {
    const chance = new Chance(seed);
    await survives(t, () => anything(chance), {rounds: 12, clients: 8});
  });
}

/** Time for a client whose bounds are short: it passes half as fast after each connection that brought nothing, so that a
 * slow machine gets through as well, and as it does elsewhere after one that did. */
class PatientClock {
  #slowness = 1;
  #now = 0;
  #since = performance.now();

  now = () => this.#now + (performance.now() - this.#since) / this.#slowness;
  setTimeout = (f, ms) => setTimeout(f, ms * this.#slowness);
  clearTimeout = clearTimeout;

  slower() { this.#pass(2 * this.#slowness); }
  asElsewhere() { this.#pass(1); }

  #pass(slowness) {
    [this.#now, this.#since] = [this.now(), performance.now()];
    this.#slowness = slowness;
  }
}

test('the client that hotline ships comes through the same', async (t) => {
  const chance = new Chance(one ?? 1);
  const server = await Server.start(t, ...bounds);
  const proxy = await Proxy.start(t, server.port, {weather: () => anything(chance)});
  const witness = await server.connect();
  const clock = new PatientClock();
  const client = connect(`http://127.0.0.1:${proxy.port}/ws/p`, {
    WebSocket, retryBase: 5, retryCap: 50, connectTimeout: 500, pingInterval: 200, pingTimeout: 400, callTimeout: 0,
    env: {now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout},
    onError: (error) => assert.fail(error),
  });
  client.onState(({state}) => state === 'waiting' && clock.slower());
  client.on('*', () => clock.asElsewhere());
  t.after(() => client.close());
  const heard = [], gaps = [];
  client.on('*', ({seq}) => heard.push(seq));
  client.onGap((gap) => gaps.push(gap));
  const {seq: start} = await within(client.ready(), 'the first connection');
  let last;
  for (let n = 0; n < 100; ++n) {
    await Promise.all([witness.result('emit', {type: 'load', count: 5, pad: 100}),
      within(client.call('emit', {type: 'mark', fields: {mark: n}}), `call ${n}`)]);
  }
  last = (await witness.result('emit', {type: 'end'})).seq;
  await within(new Promise((resolve) => {
    if (client.seq >= last) return resolve();
    client.on('*', () => client.seq >= last && resolve());
  }), 'the last event');
  assert.deepEqual(gaps, []);
  assert.deepEqual(heard, Array.from({length: last - start}, (_, n) => start + n + 1));
  const marks = (await witness.events(last)).filter((event) => event.event_type === 'mark').map((event) => event.mark);
  assert.deepEqual(marks, Array.from({length: 100}, (_, n) => n));
  t.diagnostic(`${proxy.count} connections`);
});
