// The browser client in a world of our own: no network, no waiting.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test, {describe} from 'node:test';
import {fileURLToPath} from 'node:url';
import {connect, HotlineError} from '../../include/hotline/browser/hotline.js';
import {Browser, ClientWorld, outcome, settle} from './client_world.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../include/hotline/browser');

async function live(options, greeting) {
  const world = new ClientWorld(options);
  await world.greet(greeting);
  return world;
}

const reply = (socket, id, result) => socket.say({type: 'command_response', timestamp: 1, command: 'c', id, result});
const refuse = (socket, id, error) => socket.say({type: 'command_error', timestamp: 1, command: 'c', id, error});

describe('as it is shipped', () => {
  test('it is under 6 KB gzipped', () => {
    assert.ok(execFileSync('gzip', ['-9c', join(folder, 'hotline.js')]).length < 6144);
  });

  test('the package can be imported by its name and has the version of the library', async () => {
    const packed = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const version = /HOTLINE_VERSION_STRING "(.*)"/.exec(readFileSync(join(folder, '../version.hpp'), 'utf8'))[1];
    assert.equal(packed.version, version);
    for (const file of packed.files) readFileSync(join(folder, file));
    const {default: entry, types} = packed.exports['.'];
    assert.deepEqual([packed.main, packed.types], [entry, types]);  // for those who do not look into `exports`
    assert.equal((await import(join(folder, entry))).connect, connect);
    assert.match(readFileSync(join(folder, types), 'utf8'), /export function connect\(/);
  });

  test('the types and the guide name every option and member', async () => {
    const types = readFileSync(join(folder, 'hotline.d.ts'), 'utf8');
    const part = (name) => new RegExp(`interface ${name} {([^]*?)^}`, 'm').exec(types)[1];
    const {client} = new ClientWorld();
    const members = new Set([...part('Client').matchAll(/^  (?:readonly )?(\w+)[<(:]/gm)].map(([, name]) => name));
    assert.deepEqual([...members].sort(), Object.keys(client).sort());
    const source = readFileSync(join(folder, 'hotline.js'), 'utf8');
    const guide = readFileSync(join(folder, '../../../docs/browser.md'), 'utf8');
    for (const name of members) assert.match(guide, new RegExp(`\\b${name}\\b`));
    for (const [, name] of part('Options').matchAll(/^  (\w+)\??[(:]/gm)) assert.match(guide, new RegExp(`^\\| .*\`${name}\`.* \\|.*\\|`, 'm'));
    const read = /const \{([^]*?)\} = options;/.exec(source)[1].matchAll(/(?:^\s*|, )(\w+)(?= = |,)/gm);
    for (const [, name] of read) assert.match(part('Options'), new RegExp(`^  ${name}\\??[(:]`, 'm'));
  });
});

describe('connecting', () => {
  test('a path is taken from the page', async () => {
    const world = new ClientWorld();
    await settle();
    assert.equal(world.socket.url.href, 'wss://app.example/ws/p');
    assert.equal(world.client.state, 'connecting');
  });

  for (const [url, href] of [
    ['/ws/p', 'blob:https://app.example/1b0f'], ['ws/p', 'data:text/javascript,1'], ['/ws/p', 'about:blank'],
    ['/ws/p', 'about:srcdoc'], ['/ws/p', undefined], ['/ws/p', 'file:///srv/page.html'], ['http://', 'https://app.example/'],
    ['localhost:8080/ws/p', 'https://app.example/'], ['ftp://app.example/ws/p', 'https://app.example/'],
  ]) {
    test(`a URL of no WebSocket is refused with what is needed: ${url} in ${href}`, async () => {
      const page = {window: {location: href && {href}}};
      const wanted = (text) => text.includes(`"${url}"`) && text.includes(href ?? 'node') &&
        text.endsWith('an absolute one is needed, such as wss://example.org/ws/demo');
      assert.throws(() => new ClientWorld({}, url, page), (error) => error instanceof TypeError && wanted(error.message));
      const made = new ClientWorld({}, () => url, page);
      await settle();
      assert.deepEqual([made.sockets.length, made.state.state], [0, 'waiting']);
      assert.ok(wanted(made.state.reason), made.state.reason);
      const absolute = new ClientWorld({}, 'http://other.example/ws/p', page);
      await settle();
      assert.equal(absolute.socket.url.href, 'ws://other.example/ws/p');
    });
  }

  test('a URL that is none, or a place without WebSocket, is said at once', () => {
    assert.throws(() => connect('http://', {WebSocket: class {}}), TypeError);
    assert.throws(() => connect('ws://x/', {env: {window: {}}, WebSocket: undefined}),
      globalThis.WebSocket ? {} : {name: 'TypeError', message: /WebSocket/});
  });

  test('a URL may be made for each attempt, and may fail', async () => {
    let tickets = 0;
    const world = new ClientWorld({}, async () => {
      if (++tickets === 2) throw new Error('no ticket');
      return `http://other.example/ws/p?ticket=${tickets}`;
    });
    await world.greet();
    assert.equal(world.socket.url.href, 'ws://other.example/ws/p?ticket=1');
    world.socket.end();
    await world.clock.advance(250);
    assert.deepEqual([world.state.state, world.state.reason], ['waiting', 'no ticket']);
    await world.clock.advance(500);
    assert.equal(world.socket.query.ticket, '3');
    assert.equal(world.socket.query.after, '0');
  });

  test('ready() resolves when it is, and when it was', async () => {
    const world = new ClientWorld();
    const first = outcome(world.client.ready());
    await settle();
    assert.deepEqual(first, {});
    await world.greet();
    assert.equal(first.value.connection_id, 'c');
    assert.equal(await world.client.ready(), first.value);
    assert.equal(world.client.session, first.value);
  });

  test('a handshake that is not answered is given up', async () => {
    const world = new ClientWorld({connectTimeout: 3000});
    await world.clock.advance(2999);
    assert.equal(world.client.state, 'connecting');
    await world.clock.advance(1);
    assert.deepEqual([world.state.state, world.state.reason], ['waiting', 'the server does not answer']);
    assert.equal(world.socket.closed, 4000);
  });

  test('last is asked for until the first greeting, not after it', async () => {
    const world = new ClientWorld({last: 5});
    await settle();
    assert.deepEqual(world.socket.query, {last: '5'});
    await world.drop();
    assert.deepEqual(world.socket.query, {last: '5'});
    await world.greet({seq: 20});
    assert.equal(world.client.seq, 15);
    world.socket.event(16);
    assert.deepEqual(world.heard, [16]);
    await world.drop();
    assert.equal(world.socket.query.last, undefined);
    await world.greet({seq: 30, reason: 'expired'});
    assert.equal(world.client.seq, 30);
  });
});

describe('coming back', () => {
  test('it resumes after the last event that it knows of, and events come once', async () => {
    const world = await live({}, {seq: 3});
    world.socket.event(4);
    world.socket.event(7);
    await world.drop();
    assert.deepEqual(world.socket.query, {resume: 'token 1', epoch: 'e1', after: '7', on_gap: 'continue'});
    await world.resumed({seq: 9});
    for (const seq of [6, 7, 8, 8, 9]) world.socket.event(seq);
    assert.deepEqual(world.heard, [4, 7, 8, 9]);
    assert.deepEqual(world.gaps, []);
    assert.deepEqual([world.state.state, world.state.resumed, world.state.missed], ['live', true, 2]);
    await world.drop();
    assert.deepEqual(world.socket.query, {resume: 'token 2', epoch: 'e1', after: '9', on_gap: 'continue'});
  });

  test('a position moves the cursor; a pong does not, for events may still be on their way', async () => {
    const world = await live();
    world.socket.say({type: 'position', timestamp: 1, seq: 12});
    world.socket.say({type: 'position', timestamp: 1, seq: 11});
    world.socket.say({type: 'position', timestamp: 1});
    assert.equal(world.client.seq, 12);
    world.socket.say({type: 'pong', timestamp: 1, seq: 40});
    assert.equal(world.client.seq, 12);
    assert.deepEqual(world.heard, []);
  });

  test('a gap moves the cursor and is reported once', async () => {
    const world = await live();
    world.socket.say({type: 'gap', timestamp: 1, from: 1, to: 5, reason: 'evicted'});
    world.socket.say({type: 'gap', timestamp: 1, from: 1, to: 5, reason: 'evicted'});
    world.socket.event(5);
    world.socket.event(6);
    assert.deepEqual(world.gaps.map(({reason, from, to}) => [reason, from, to]), [['evicted', 1, 5]]);
    assert.deepEqual(world.heard, [6]);
  });

  for (const reason of ['unknown_token', 'expired', 'evicted']) {
    test(`a refused resume is a gap: ${reason}`, async () => {
      const world = await live({}, {seq: 3});
      await world.drop();
      await world.greet({seq: 8, reason});
      assert.deepEqual(world.gaps, [{type: 'gap', reason, from: 4, to: 8}]);
      assert.deepEqual([world.state.resumed, world.state.reason], [false, reason]);
      world.socket.event(8);
      world.socket.event(9);
      assert.deepEqual(world.heard, [9]);
    });
  }

  test('a new epoch is a gap without numbers, and counts from the start', async () => {
    const world = await live({}, {seq: 300});
    await world.drop();
    await world.greet({epoch: 'e2', seq: 2, reason: 'epoch_changed'});
    assert.deepEqual(world.gaps, [{type: 'gap', reason: 'epoch_changed'}]);
    world.socket.event(3);
    assert.deepEqual(world.heard, [3]);
    await world.drop();
    assert.equal(world.socket.query.epoch, 'e2');
  });

  test('a server that keeps no sessions: the gap says so', async () => {
    const world = await live({last: 2}, {seq: 3, resume: undefined});
    await world.drop();
    assert.deepEqual(world.socket.query, {});
    await world.greet({seq: 3, resume: undefined});
    assert.deepEqual(world.gaps, [{type: 'gap', reason: 'new_session', from: 2, to: 3}]);
    await world.drop();
    await world.greet({seq: 3});
    assert.deepEqual(world.gaps[1], {type: 'gap', reason: 'new_session'});
  });

  test('later messages of the last socket are ignored', async () => {
    const world = await live();
    const old = world.socket;
    await world.drop();
    old.event(1);
    old.end(4001);
    await world.resumed();
    assert.deepEqual(world.heard, []);
    assert.equal(world.client.state, 'live');
  });
});

describe('authentication', () => {
  test('a token goes into the query, whole, beside what is there', async () => {
    const world = await live({token: 'a+b/c=&d ?#'});
    assert.equal(world.socket.query.token, 'a+b/c=&d ?#');
    await world.drop();
    assert.deepEqual(Object.keys(world.socket.query).sort(), ['after', 'epoch', 'on_gap', 'resume', 'token']);
  });

  test('without one, or when there is none yet, nothing is sent', async () => {
    for (const token of [undefined, '', () => undefined, async () => null]) {
      const world = await live({token});
      assert.deepEqual(world.socket.query, {});
    }
  });

  test('a function is asked for each attempt, and may fail for one', async () => {
    let asked = 0;
    const world = await live({token: async () => {
      if (++asked === 2) throw new Error('no token');
      return `t${asked}`;
    }});
    assert.equal(world.socket.query.token, 't1');
    await world.drop();
    assert.deepEqual([world.sockets.length, world.state.state, world.state.reason], [1, 'waiting', 'no token']);
    await world.clock.advance(world.state.retryAt - world.clock.now);
    assert.equal(world.socket.query.token, 't3');
  });

  test('a token that comes when the attempt was given up opens nothing', async () => {
    let give;
    const world = new ClientWorld({token: () => new Promise((resolve) => { give = resolve; })});
    await settle();
    world.client.close();
    give('late');
    await settle();
    assert.equal(world.sockets.length, 0);
  });

  const refreshes = (socket) => socket.take().filter(({command}) => command === 'refresh');

  async function expiring(token, more = {}) {
    const world = await live({token, pingInterval: 1e9, ...more}, {expires_in: 100});
    world.socket.take();
    return world;
  }

  test('at three quarters of its time a token is refreshed, and again', async () => {
    let asked = 0;
    const world = await expiring(() => `t${++asked}`);
    await world.clock.advance(74999);
    assert.deepEqual(refreshes(world.socket), []);
    await world.clock.advance(1);
    let [{id, payload}] = refreshes(world.socket);
    assert.deepEqual(payload, {token: 't2'});
    reply(world.socket, id, {events: ['*'], seq: 0, expires_in: 40});
    await world.clock.advance(30000);
    [{id, payload}] = refreshes(world.socket);
    assert.deepEqual(payload, {token: 't3'});
    reply(world.socket, id, {events: ['*'], seq: 0});
    await world.clock.advance(1e6);
    assert.deepEqual([refreshes(world.socket), world.errors], [[], []]);
    assert.equal(world.client.subscriptions, undefined);
  });

  test('types that are forbidden now are no longer among the subscriptions', async () => {
    const world = await expiring(() => 't', {events: ['a', 'b']});
    await world.clock.advance(75000);
    const [{id}] = refreshes(world.socket);
    reply(world.socket, id, {events: ['a'], seq: 0, expires_in: 100});
    await settle();
    assert.deepEqual(world.client.subscriptions, ['a']);
    await world.drop();
    await world.resumed({events: []});
    assert.deepEqual(world.client.subscriptions, []);
  });

  test('a string is not refreshed, and a time that is far off does not come at once', async () => {
    const fixed = await expiring('fixed');
    await fixed.clock.advance(200000);
    assert.deepEqual(refreshes(fixed.socket), []);
    let asked = 0;
    const far = await live({token: () => `t${++asked}`, pingInterval: 1e9}, {expires_in: 1e9});
    await far.clock.advance(1000);
    assert.equal(asked, 1);
  });

  test('a refresh that fails is reported, and the end of the admission brings a new token', async () => {
    let asked = 0;
    const world = await expiring(() => {
      if (++asked === 2) throw new Error('no token');
      return `t${asked}`;
    });
    await world.clock.advance(75000);
    assert.match(world.errors[0].message, /no token/);
    world.socket.say({type: 'disconnected', timestamp: 1, code: 4001, reason: 'expired', reconnect: true});
    await world.drop(4001);
    assert.equal(world.socket.query.token, 't3');
    assert.equal(world.socket.query.resume, 'token 1');
    await world.resumed({expires_in: 100});
    await world.clock.advance(75000);
    const [{id}] = refreshes(world.socket);
    refuse(world.socket, id, {code: 'unauthorized', message: 'no', retryable: false});
    await settle();
    assert.equal(world.errors[1].code, 'unauthorized');
    assert.equal(world.client.state, 'live');
  });

  test('a connection that is lost takes its refresh with it', async () => {
    let asked = 0, give;
    const world = await expiring(() => ++asked === 2 ? new Promise((resolve) => { give = resolve; }) : `t${asked}`);
    await world.clock.advance(75000);
    await world.drop();
    await world.resumed();
    give('late');
    await world.clock.advance(200000);
    assert.deepEqual(refreshes(world.socket), []);
    assert.deepEqual(world.errors, []);
    world.client.close();
    assert.equal(world.clock.pending, 0);
  });
});

describe('tabs that wait for each other', () => {
  /** Tabs of one browser; each has begun its attempt so many milliseconds after the one before. */
  async function tabs(count, apart = 0, options = {}) {
    const browser = new Browser(), all = [];
    for (let n = 0; n < count; ++n) {
      all.push(new ClientWorld({connectTimeout: 10_000, ...options}, '/ws/p', {browser}));
      await browser.clock.advance(apart);
    }
    await settle();
    return {browser, clock: browser.clock, all};
  }
  const states = ({states}) => states.map(({state}) => state);

  test('the wait is not counted: a slow server, one handshake after the other', async () => {
    const {browser, clock, all} = await tabs(5);
    for (const tab of all) {
      await clock.advance(9000);
      tab.socket.open();
      await tab.greet();
    }
    for (const tab of all) assert.deepEqual(states(tab), ['live']);
    assert.equal(browser.channels.size, 0);
  });

  test('so it is in another order than that of their beginning, within a second', async () => {
    const {clock, all} = await tabs(3, 400);
    for (const tab of all.reverse()) {
      await clock.advance(8000);
      tab.socket.open();
      await tab.greet();
    }
    for (const tab of all) assert.deepEqual(states(tab), ['live']);
  });

  test('those that began later do not hold up an attempt that is not answered', async () => {
    const {browser, clock, all} = await tabs(1);
    await clock.advance(5000);
    const later = new ClientWorld({connectTimeout: 10_000}, '/ws/p', {browser});
    await settle();
    later.client.close();
    await clock.advance(5000);
    assert.equal(all[0].client.state, 'waiting');
  });

  test('one that is given up, refused, closed or left makes way', async () => {
    const ends = [
      ({clock}) => clock.advance(1000),
      ({all: [first]}) => first.socket.end(),
      ({all: [first]}) => first.client.close(),
      ({all: [first]}) => first.happen('pagehide', {persisted: true}),
      ({all: [first]}) => first.happen('pagehide', {persisted: false}),
    ];
    for (const end of ends) {
      const world = await tabs(2);
      await world.clock.advance(9000);
      await end(world);
      await world.clock.advance(9000);
      assert.deepEqual([world.all[1].client.state, states(world.all[1])], ['connecting', []]);
    }
  });

  test('other servers have a line of their own, and so has a browser without channels', async () => {
    const browser = new Browser();
    const one = new ClientWorld({connectTimeout: 10_000}, 'ws://one.example/ws/p', {browser});
    const other = new ClientWorld({connectTimeout: 10_000}, 'ws://one.example:81/ws/p', {browser});
    const none = new ClientWorld({connectTimeout: 10_000}, 'ws://one.example/ws/p', {browser, window: {BroadcastChannel: undefined}});
    const barred = new ClientWorld({connectTimeout: 10_000}, 'ws://one.example/ws/p', {browser, window: {
      BroadcastChannel: class { constructor() { throw new Error('storage is blocked'); } }}});
    await browser.clock.advance(5000);
    one.client.close();
    await browser.clock.advance(5000);
    for (const tab of [other, none, barred])
      assert.deepEqual([tab.state.state, tab.state.reason], ['waiting', 'the server does not answer']);
    assert.equal((await live({}, {})).client.state, 'live');
  });
});

describe('the local network', () => {
  const permissions = (states, asked = []) => ({query: async ({name}) => {
    asked.push(name);
    if (!(name in states)) throw new TypeError(`no permission ${name}`);
    return {state: states[name]};
  }});

  async function failed(window, url = 'ws://localhost:8080/ws/p', code) {
    const world = new ClientWorld({}, url, {window: {isSecureContext: true, ...window}});
    await settle();
    world.socket.end(code);
    await settle();
    return world;
  }

  for (const name of ['loopback-network', 'local-network', 'local-network-access']) {
    test(`a browser that keeps the page from it: ${name}`, async () => {
      const world = await failed({navigator: {permissions: permissions({'local-network': 'prompt', [name]: 'denied'})}});
      assert.deepEqual([world.state.state, world.state.code, world.state.reason],
        ['waiting', 1006, `this page is denied the local network (${name}), where the server may be`]);
      await world.clock.advance(world.state.retryAt - world.clock.now);
      await world.greet();  // it was allowed meanwhile
      assert.equal(world.client.state, 'live');
      world.socket.end();
      assert.equal(world.state.reason, 'the connection was lost');
    });
  }

  test('a permission that is granted, unknown, or was not queried is not the reason', async () => {
    const denied = {'loopback-network': 'denied', 'local-network': 'denied', 'local-network-access': 'denied'};
    const pages = [
      [{navigator: {permissions: permissions({})}}],
      [{navigator: {permissions: permissions({'loopback-network': 'prompt', 'local-network': 'granted'})}}],
      [{navigator: {permissions: permissions(denied)}}, '/ws/p'],
      [{navigator: {permissions: permissions(denied)}, isSecureContext: false}, 'ws://app.example:81/ws/p'],
      [{navigator: undefined}],
    ];
    for (const page of pages) {
      const world = await failed(...page);
      assert.deepEqual([world.state.state, world.state.reason], ['waiting', 'the server does not answer']);
    }
    const told = await failed({navigator: {permissions: permissions(denied)}}, undefined, 1013);
    assert.equal(told.state.code, 1013);
    assert.equal(told.state.reason, 'the server does not answer');
  });

  test('an answer that comes when the attempt is over changes nothing', async () => {
    let answer;
    const world = await failed({navigator: {permissions: {query: () => new Promise((resolve) => { answer = resolve; })}}});
    assert.equal(world.client.state, 'connecting');
    world.client.close();
    answer({state: 'denied'});
    await settle();
    assert.deepEqual(world.states.map(({state}) => state), ['closed']);
    assert.equal(world.clock.pending, 0);
  });
});

describe('a page that is left', () => {
  const hide = (world, persisted = true) => world.happen('pagehide', {persisted});
  const show = (world) => world.happen('pageshow', {persisted: true});

  for (const [name, leave, back] of [
    ['into the cache', hide, show],
    ['frozen in its tab', (world) => world.happen('freeze', {}, world.window.document),
      (world) => world.happen('resume', {}, world.window.document)],
    ['both, as Chromium does it', async (world) => {
      await hide(world);
      await world.happen('freeze', {}, world.window.document);
    }, async (world) => {
      await world.happen('resume', {}, world.window.document);
      await show(world);
    }],
  ]) {
    test(`${name}: it lets go of its socket, not of its session, and comes back`, async () => {
      const world = await live({}, {seq: 3});
      const call = outcome(world.client.call('a', {}, {timeout: 0}));
      await leave(world);
      assert.deepEqual([world.socket.closed, world.socket.reason], [4000, 'the page is frozen']);
      assert.deepEqual(world.state, {state: 'waiting', code: 4000, reason: 'the page is frozen', attempt: 0});
      assert.equal(world.clock.pending, 0);
      await world.clock.sleep(1e6);
      assert.equal(world.sockets.length, 1);
      world.socket.event(4);  // too late: it comes again
      world.window.document.visibilityState = 'hidden';  // a page may come back in a tab that is not in front
      await back(world);
      assert.equal(world.sockets.length, 2);
      assert.deepEqual(world.socket.query, {resume: 'token 1', epoch: 'e1', after: '3', on_gap: 'continue'});
      await world.resumed({seq: 4});
      world.socket.event(4);
      reply(world.socket, 1, 'done');
      await settle();
      assert.deepEqual([world.heard, world.gaps, call.value], [[4], [], 'done']);
      assert.equal(world.states.filter(({state}) => state === 'waiting').length, 1);
      await world.clock.advance(4000);
      world.clock.now += 600_000;  // its watch over sleep goes on
      await world.clock.advance(1000);
      assert.ok(world.socket.take().some(({command}) => command === 'ping'));
    });
  }

  test('in a pause, or in the middle of an attempt: nothing more happens until it is shown', async () => {
    const pausing = await live();
    pausing.socket.end();
    const connecting = new ClientWorld();
    await settle();
    let give;
    const asking = new ClientWorld({token: () => new Promise((resolve) => { give = resolve; })});
    for (const world of [pausing, connecting, asking]) {
      const {length} = world.sockets;
      await hide(world);
      give('late');
      await world.clock.advance(1e6);
      assert.equal(world.sockets.length, length);
      assert.equal(world.clock.pending, 0);
      await show(world);
      give('late');
      await settle();
      assert.equal(world.sockets.length, length + 1);
      await world.greet();
      assert.equal(world.client.state, 'live');
    }
    assert.equal(connecting.sockets[0].closed, 4000);
  });

  test('for good: the browser says so, or the client says goodbye', async () => {
    const world = await live();
    await hide(world, false);
    assert.deepEqual([world.socket.closed, world.client.state], [null, 'live']);
    const polite = await live({goodbye: true});
    const call = outcome(polite.client.call('a'));
    await hide(polite);
    assert.equal(polite.socket.closed, 4000);
    await show(polite);
    await polite.resumed();
    await hide(polite, false);
    assert.equal(polite.socket.closed, 1000);
    assert.deepEqual([polite.state.state, polite.state.code, call.error.code], ['closed', 1000, 'closed']);
    assert.equal(polite.clock.pending, 0);
  });

  test('after the server has said not to come back, it does not', async () => {
    const world = await live();
    world.socket.say({type: 'disconnected', timestamp: 1, code: 4003, reason: 'not yours', reconnect: false});
    await hide(world);
    assert.deepEqual(world.state, {state: 'closed', code: 4003, reason: 'not yours'});
    await show(world);
    assert.equal(world.sockets.length, 1);
  });
});

describe('the pause before the next attempt', () => {
  async function pauses(world, count) {
    const all = [];
    for (let i = 0; i < count; ++i) {
      world.socket.end();
      all.push(world.state.retryAt - world.clock.now);
      await world.clock.advance(all.at(-1));
    }
    return all;
  }

  test('it is a random part of a bound that doubles up to the cap', async () => {
    const world = new ClientWorld({retryBase: 100, retryCap: 1000});
    await settle();
    world.random = 1;
    assert.deepEqual(await pauses(world, 6), [100, 200, 400, 800, 1000, 1000]);
    world.random = 0.25;
    assert.deepEqual(await pauses(world, 2), [250, 250]);
    world.random = 0;
    assert.deepEqual(await pauses(world, 1), [0]);
  });

  test('it is short again only after a connection that lived for a while', async () => {
    const world = new ClientWorld({retryBase: 100, retryCap: 100_000, steadyAfter: 5000});
    await settle();
    world.random = 1;
    await pauses(world, 3);
    await world.greet();
    await world.clock.advance(4999);
    assert.deepEqual(await pauses(world, 1), [800]);
    await world.resumed();
    await world.clock.advance(5000);
    assert.deepEqual(await pauses(world, 2), [100, 200]);
  });

  test('the time that the server asks for comes on top', async () => {
    const world = await live({retryBase: 1000});
    world.socket.say({type: 'disconnected', timestamp: 1, code: 1001, reason: 'stopping', reconnect: true, retry_after: 2.5});
    world.socket.end(1001, 'stopping');
    assert.deepEqual([world.state.reason, world.state.code, world.state.retryAt - world.clock.now], ['stopping', 1001, 3000]);
    await world.clock.advance(2999);
    assert.equal(world.sockets.length, 1);
    await world.clock.advance(1);
    assert.equal(world.sockets.length, 2);
    // It was said of that one pause.
    world.socket.end();
    assert.equal(world.state.retryAt - world.clock.now, 1000);
  });

  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4001, 4003, 4004, 4009, 4029]) {
    test(`after ${code} there is no next one when the server says so`, async () => {
      const world = await live();
      const call = outcome(world.client.call('c'));
      world.socket.say({type: 'disconnected', timestamp: 1, code, reason: 'why', reconnect: false});
      world.socket.end(code, 'why');
      await settle();
      assert.deepEqual(world.state, {state: 'closed', code, reason: 'why'});
      assert.deepEqual([call.error.code, call.error.retryable, call.error.message], ['closed', false, 'why']);
      assert.equal(outcome(world.client.ready()).value, undefined);
      await assert.rejects(world.client.ready(), {code: 'closed'});
      await assert.rejects(world.client.call('c'), {code: 'closed'});
      assert.equal(world.clock.pending, 0);
    });
  }

  for (const code of [1000, 1001, 1002, 1005, 1006, 1008, 1009, 1011, 1012, 1013, 4000, 4001, 4003, 4008, 4009, 4321]) {
    test(`after ${code} there is one when the server says nothing`, async () => {
      const world = await live();
      world.socket.end(code);
      assert.equal(world.client.state, 'waiting');
    });
  }

  test('the server\'s word about reconnecting counts for more than the code', async () => {
    const world = await live();
    world.socket.say({type: 'disconnected', timestamp: 1, code: 4321, reason: 'enough', reconnect: false});
    world.socket.end(1006);
    assert.deepEqual(world.state, {state: 'closed', code: 4321, reason: 'enough'});
    const other = await live();
    other.socket.say({type: 'disconnected', timestamp: 1, code: 4001, reason: 'later', reconnect: true});
    other.socket.end(4001);
    assert.equal(other.client.state, 'waiting');
  });

  test('without a word from the server it says what is known', async () => {
    const world = await live();
    await world.drop();
    assert.equal(world.states.at(-2).reason, 'the connection was lost');
    await world.drop();
    assert.equal(world.states.at(-2).reason, 'the server does not answer');
    world.window.navigator.onLine = false;
    world.socket.end();
    assert.equal(world.state.reason, 'this device is offline');
  });
});

describe('signs of life', () => {
  const pings = (socket) => socket.take().filter(({command}) => command === 'ping').length;

  test('it asks at the told interval, and anything is an answer', async () => {
    const world = await live();
    await world.clock.advance(29_999);
    assert.equal(pings(world.socket), 0);
    await world.clock.advance(1);
    assert.equal(pings(world.socket), 1);
    world.socket.event(1);
    await world.clock.advance(10_000);
    assert.equal(world.client.state, 'live');
    await world.clock.advance(30_000);
    assert.equal(pings(world.socket), 1);
  });

  test('no answer in time is the end of the socket, not of the session', async () => {
    const world = await live({pingInterval: 1000, pingTimeout: 500});
    await world.clock.advance(1499);
    assert.equal(world.client.state, 'live');
    await world.clock.advance(1);
    assert.equal(world.client.state, 'waiting');
    assert.equal(world.sockets[0].closed, 4000);
    await world.clock.advance(250);
    assert.equal(world.socket.query.resume, 'token 1');
  });

  test('a server that has no heartbeat is asked all the same', async () => {
    const world = await live({}, {heartbeat: {interval: 0, timeout: 0}});
    await world.clock.advance(30_000);
    assert.equal(pings(world.socket), 1);
  });

  test('after a sleep the server is asked before it is given up', async () => {
    const world = await live();
    await world.clock.advance(30_000);
    await world.clock.sleep(3_600_000);
    assert.equal(world.client.state, 'live');
    assert.ok(pings(world.socket) >= 2);
    await world.clock.advance(10_000);
    assert.notEqual(world.client.state, 'live');
  });

  test('so it is in a hidden page', async () => {
    const world = await live();
    world.window.document.visibilityState = 'hidden';
    await world.clock.advance(30_000);
    await world.clock.sleep(3_600_000);
    assert.equal(world.client.state, 'live');
    await world.clock.advance(10_000);
    assert.notEqual(world.client.state, 'live');
  });

  test('waking is noticed within seconds', async () => {
    const world = await live();
    await world.clock.advance(4000);
    world.clock.now += 600_000;   // and the timers stood still with the machine
    await world.clock.advance(1000);
    assert.equal(pings(world.socket), 1);
    await world.clock.advance(4000);
    assert.notEqual(world.client.state, 'live');
  });

  test('a slow clock of a hidden page is no sleep', async () => {
    const world = await live();
    world.window.document.visibilityState = 'hidden';
    await world.clock.sleep(25_000);
    assert.equal(pings(world.socket), 0);
  });

  for (const type of ['online', 'pageshow', 'visibilitychange']) {
    test(`${type}: a pause ends, a connection is tested`, async () => {
      const world = await live({retryBase: 1e6, retryCap: 1e6});
      await world.happen(type);
      assert.equal(pings(world.socket), 1);
      await world.clock.advance(4000);
      assert.equal(world.client.state, 'waiting');
      await world.happen(type);
      assert.equal(world.client.state, 'connecting');
      assert.equal(world.sockets.length, 2);
      await world.happen(type);
      assert.equal(world.sockets.length, 2);
    });
  }

  test('offline: a connection is tested, a pause goes on', async () => {
    const world = await live({retryBase: 1e6, retryCap: 1e6});
    await world.happen('offline');
    assert.equal(pings(world.socket), 1);
    world.socket.say({type: 'pong', timestamp: 1, seq: 0});
    await world.clock.advance(4000);
    assert.equal(world.client.state, 'live');
    world.socket.end();
    await world.happen('offline');
    assert.equal(world.client.state, 'waiting');
  });

  test('a page that hides is left alone', async () => {
    const world = await live();
    world.window.document.visibilityState = 'hidden';
    await world.happen('visibilitychange');
    assert.equal(pings(world.socket), 0);
    world.socket.end();
    await world.happen('visibilitychange');
    assert.equal(world.client.state, 'waiting');
    await world.happen('online');
    assert.equal(world.client.state, 'connecting');
  });

  test('check() is the same by hand', async () => {
    const world = await live({retryBase: 1e6, retryCap: 1e6});
    world.client.check();
    assert.equal(pings(world.socket), 1);
    world.socket.end();
    world.client.check();
    assert.equal(world.client.state, 'connecting');
  });
});

describe('listeners', () => {
  test('they receive their type, the host\'s own messages by theirs, and * all', async () => {
    const world = await live();
    const heard = [];
    const stop = world.client.on('tick', (event) => heard.push(['tick', event.n]));
    world.client.on('hint', (message) => heard.push(['hint', message.text]));
    world.client.on('*', (message) => heard.push(['*', message.type]));
    world.socket.event(1, 'tick', {n: 1});
    world.socket.event(2, 'tock');
    world.socket.say({type: 'hint', timestamp: 1, project_id: 'p', text: 'psst'});
    stop();
    stop();
    world.socket.event(3, 'tick', {n: 2});
    assert.deepEqual(heard, [['tick', 1], ['*', 'event'], ['*', 'event'], ['hint', 'psst'], ['*', 'hint'], ['*', 'event']]);
  });

  test('an event called gap or state is an event', async () => {
    const world = await live();
    const heard = [];
    for (const type of ['gap', 'state', 'connected']) world.client.on(type, (event) => heard.push(event.event_type));
    const before = world.states.length;
    world.socket.event(1, 'gap');
    world.socket.event(2, 'state');
    world.socket.event(3, 'connected');
    assert.deepEqual(heard, ['gap', 'state', 'connected']);
    assert.deepEqual([world.gaps.length, world.states.length], [0, before]);
  });

  test('one that throws has no effect on others, whatever it receives', async () => {
    const world = new ClientWorld();
    const bad = () => { throw new Error('oops'); };
    const heard = [];
    world.client.onState(bad);
    world.client.onGap(bad);
    world.client.on('tick', bad);
    world.client.on('tick', async () => bad());
    world.client.on('tick', (event) => heard.push(event.seq));
    await world.greet();
    world.socket.event(1);
    world.socket.say({type: 'gap', timestamp: 1, from: 2, to: 3, reason: 'evicted'});
    const call = outcome(world.client.call('c', {}, {onProgress: bad}));
    world.socket.say({type: 'command_progress', timestamp: 1, command: 'c', id: 1, progress: 1});
    reply(world.socket, 1, 7);
    await settle();
    assert.deepEqual([heard, world.heard, world.gaps.length, call.value], [[1], [1], 1, 7]);
    assert.deepEqual(world.errors.map(({message}) => message), Array(5).fill('oops'));
  });

  test('an onError that throws has no effect on others either, and the default is the console', async (t) => {
    const world = await live({onError: () => { throw new Error('twice'); }});
    world.client.on('tick', () => { throw new Error('once'); });
    world.socket.event(1);
    world.socket.event(2);
    assert.deepEqual(world.heard, [1, 2]);
    const said = t.mock.method(console, 'error', () => {});
    const other = await live({onError: undefined});
    other.client.on('tick', () => { throw new Error('once'); });
    other.socket.event(1);
    assert.equal(said.mock.calls[0].arguments[0].message, 'once');
  });

  test('one may remove another, close the client, and call', async () => {
    const world = await live();
    let stop;
    world.client.on('tick', () => { stop(); outcome(world.client.call('c')); });
    stop = world.client.on('tick', () => assert.fail('was removed'));
    world.socket.event(1);
    assert.equal(world.socket.take()[0].command, 'c');
    world.client.on('tock', () => world.client.close());
    world.client.call('c').catch(() => {});
    world.socket.event(2, 'tock');
    assert.equal(world.client.state, 'closed');
    assert.deepEqual(world.errors, []);
  });

  test('one may close the client when it learns that it is live', async () => {
    const world = await live();
    world.client.call('c').catch(() => {});
    world.client.onState(({state}) => state === 'live' && world.client.close());
    await world.drop();
    await world.greet({reason: 'expired'});
    assert.equal(world.client.state, 'closed');
    assert.deepEqual([world.errors, world.gaps], [[], []]);
  });

  test('text that is no JSON, and errors of the server about messages, are reported', async () => {
    const world = await live();
    world.socket.onmessage({data: '{'});
    world.socket.onmessage({data: 'null'});
    world.socket.say({type: 'error', timestamp: 1, code: 'not_json', message: 'offset 0'});
    assert.equal(world.errors.length, 3);
    assert.ok(world.errors[2] instanceof HotlineError);
    assert.equal(world.errors[2].code, 'not_json');
    assert.equal(world.client.state, 'live');
  });
});

describe('calls', () => {
  test('an answer, a refusal, progress', async () => {
    const world = await live();
    const progress = [];
    const good = outcome(world.client.call('copy', {from: 'a'}, {onProgress: (p) => progress.push(p)}));
    const bad = outcome(world.client.call('dance'));
    assert.deepEqual(world.socket.take(), [{command: 'copy', id: 1, payload: {from: 'a'}}, {command: 'dance', id: 2}]);
    world.socket.say({type: 'command_progress', timestamp: 1, command: 'copy', id: 1, progress: {percent: 50}});
    reply(world.socket, 1, {files: 3});
    refuse(world.socket, 2, {code: 'unknown_command', message: 'no such command', retryable: false});
    reply(world.socket, 1, {files: 4});
    await settle();
    assert.deepEqual([good.value, progress], [{files: 3}, [{percent: 50}]]);
    assert.ok(bad.error instanceof HotlineError);
    assert.deepEqual([bad.error.code, bad.error.message, bad.error.retryable], ['unknown_command', 'no such command', false]);
  });

  test('made while there is no connection, they are sent when there is one, in their order', async () => {
    const world = new ClientWorld();
    world.client.call('a');
    await world.greet();
    assert.deepEqual(world.socket.take().map(({command}) => command), ['a']);
    reply(world.socket, 1);
    world.socket.end();
    world.client.call('b');
    world.client.call('c');
    await world.clock.advance(1000);
    assert.deepEqual(world.socket.take(), []);
    await world.resumed();
    assert.deepEqual(world.socket.take().map(({command, id}) => [command, id]), [['b', 2], ['c', 3]]);
  });

  test('under way when the socket is lost: sent again with the same id, once waiting answers had their time', async () => {
    const world = await live();
    const first = outcome(world.client.call('a'));
    const second = outcome(world.client.call('b'));
    world.socket.take();
    world.socket.end();
    const third = outcome(world.client.call('c'));
    await world.clock.advance(1000);
    await world.resumed();
    assert.deepEqual(world.socket.take(), [{command: 'ping'}]);
    reply(world.socket, 1, 'waited');
    assert.deepEqual(world.socket.take(), []);
    world.socket.say({type: 'pong', timestamp: 1, seq: 0});
    assert.deepEqual(world.socket.take(), [{command: 'b', id: 2}, {command: 'c', id: 3}]);
    reply(world.socket, 2, 'again');
    reply(world.socket, 3, 'new');
    await settle();
    assert.deepEqual([first.value, second.value, third.value], ['waited', 'again', 'new']);
  });

  test('under way when the session is lost: rejected, but for those that may run twice and those not sent', async () => {
    const world = await live();
    const sent = outcome(world.client.call('sent'));
    outcome(world.client.call('again', {}, {idempotent: true}));
    world.socket.end();
    outcome(world.client.call('unsent'));
    await world.clock.advance(1000);
    await world.greet({reason: 'expired'});
    assert.deepEqual([sent.error.code, sent.error.retryable], ['session_lost', false]);
    assert.deepEqual(world.socket.take().map(({command}) => command), ['again', 'unsent']);
  });

  test('it ran and its answer is forgotten: it is sent again if that does no harm', async () => {
    const world = await live();
    const once = outcome(world.client.call('a'));
    const list = outcome(world.client.call('list', {of: 'x'}, {idempotent: true}));
    await world.drop();
    await world.resumed();
    world.socket.say({type: 'pong', timestamp: 1, seq: 0});
    world.socket.take();
    for (const id of [1, 2]) refuse(world.socket, id, {code: 'answer_forgotten', message: 'it ran', retryable: false});
    await settle();
    assert.equal(once.error.code, 'answer_forgotten');
    assert.deepEqual(world.socket.take(), [{command: 'list', id: 3, payload: {of: 'x'}}]);
    reply(world.socket, 3, [1, 2]);
    await settle();
    assert.deepEqual(list.value, [1, 2]);
  });

  test('a call over the rate goes again after a rest, and later calls wait', async () => {
    const world = await live();
    const hasty = {code: 'rate_limited', message: 'too many', retryable: true};
    const first = outcome(world.client.call('a'));
    outcome(world.client.call('b'));
    world.socket.take();
    refuse(world.socket, 1, hasty);
    refuse(world.socket, 2, hasty);
    outcome(world.client.call('c'));
    await world.clock.advance(999);
    assert.deepEqual(world.socket.take(), []);
    await world.clock.advance(1);
    assert.deepEqual(world.socket.take().map(({command, id}) => [command, id]), [['a', 1], ['b', 2], ['c', 3]]);
    reply(world.socket, 1, 'done');
    await settle();
    assert.equal(first.value, 'done');
  });

  test('a call that was refused for the rate has not run: another session may send it', async () => {
    const world = await live();
    const call = outcome(world.client.call('a'));
    world.socket.take();
    refuse(world.socket, 1, {code: 'rate_limited', message: 'too many', retryable: true});
    await world.drop();
    await world.greet({reason: 'expired'});
    await world.clock.advance(1000);
    assert.equal(call.error, undefined);
    assert.deepEqual(world.socket.take().map(({command}) => command), ['a']);
  });

  test('the session is lost on the second way back', async () => {
    const world = await live();
    const call = outcome(world.client.call('a'));
    await world.drop();
    await world.resumed();
    await world.drop();
    await world.greet({reason: 'unknown_token'});
    assert.equal(call.error.code, 'session_lost');
    assert.deepEqual(world.socket.take(), []);
  });

  test('a timeout rejects, and asks the server to stop; without a connection that waits', async () => {
    const world = await live({callTimeout: 5000, retryBase: 1000});
    const sent = outcome(world.client.call('a'));
    const shorter = outcome(world.client.call('b', {}, {timeout: 100}));
    const endless = outcome(world.client.call('c', {}, {timeout: 0}));
    await world.clock.advance(100);
    assert.deepEqual([shorter.error.code, shorter.error.retryable], ['timeout', true]);
    assert.deepEqual(world.socket.take().at(-1), {command: 'cancel', id: 4, payload: {id: 2}});
    world.socket.end();
    const unsent = outcome(world.client.call('d', {}, {timeout: 10}));
    world.random = 10;
    await world.clock.advance(4900);
    assert.equal(sent.error.code, 'timeout');
    assert.equal(unsent.error.code, 'timeout');
    assert.deepEqual(endless, {});
    world.client.check();
    await world.resumed();
    world.socket.say({type: 'pong', timestamp: 1, seq: 0});
    const commands = world.socket.take().slice(1);
    assert.deepEqual(commands.map(({command, id}) => [command, id]), [['c', 3], ['cancel', 4], ['cancel', 6]]);
  });

  test('a timeout that no timer can hold is none', async () => {
    const world = await live();
    const timers = world.clock.pending;
    world.client.call('a', {}, {timeout: Infinity});
    assert.equal(world.clock.pending, timers);
  });

  test('a signal ends the wait', async () => {
    const world = await live();
    const early = outcome(world.client.call('a', {}, {signal: AbortSignal.abort()}));
    const stop = new AbortController();
    const sent = outcome(world.client.call('b', {}, {signal: stop.signal}));
    const done = outcome(world.client.call('c', {}, {signal: stop.signal}));
    reply(world.socket, 2, 1);
    stop.abort();
    await settle();
    assert.equal(early.error.name, 'AbortError');
    assert.equal(sent.error.name, 'AbortError');
    assert.equal(done.value, 1);
    assert.deepEqual(world.socket.take().map(({command, payload}) => [command, payload]), [['b', {}], ['c', {}], ['cancel', {id: 1}]]);
  });

  test('a call that was not sent leaves no trace', async () => {
    const world = new ClientWorld();
    const stop = new AbortController();
    const call = outcome(world.client.call('a', {}, {signal: stop.signal}));
    stop.abort(new Error('changed my mind'));
    await world.greet();
    assert.equal(call.error.message, 'changed my mind');
    assert.deepEqual(world.socket.take(), []);
  });

  test('no more than the server allows are under way; built-in ones are not held back', async () => {
    const world = await live();
    const calls = Array.from({length: 7}, (_, n) => outcome(world.client.call(`c${n}`)));
    outcome(world.client.subscribe('tick'));
    assert.deepEqual(world.socket.take().map(({command}) => command), ['c0', 'c1', 'c2', 'c3', 'subscribe']);
    world.socket.say({type: 'command_response', timestamp: 1, command: 'subscribe', id: 8, result: {events: ['tick'], seq: 0}});
    reply(world.socket, 1, 0);
    reply(world.socket, 2, 1);
    assert.deepEqual(world.socket.take().map(({command}) => command), ['c4', 'c5']);
    await settle();
    assert.equal(calls[1].value, 1);
  });

  const half = 'hello 😀'.slice(0, 7);

  for (const [name, payload] of Object.entries({
    'a value': {text: half}, 'the other half': {text: '\ude00'}, 'a name': {[half]: 1}, 'deep inside': {a: [{b: [half]}]},
    'the wrong order': {text: '\ude00\ud83d'}, 'behind a backslash': {text: `\\${half}`}, 'what writes itself': {toJSON: () => ({half})},
  })) {
    test(`text that is cut inside a character never leaves: ${name}`, async () => {
      const world = await live();
      const call = outcome(world.client.call('echo', payload));
      await settle();
      assert.ok(call.error instanceof HotlineError);
      assert.deepEqual([call.error.code, call.error.retryable], ['invalid_payload', false]);
      assert.deepEqual(world.socket.take(), []);
    });
  }

  test('so it is in tokens and event types', async () => {
    const wanted = {code: 'invalid_payload', retryable: false};
    assert.throws(() => new ClientWorld({token: half}), wanted);
    assert.throws(() => new ClientWorld({events: ['a', half]}), wanted);
    const asking = new ClientWorld({token: () => half});
    await settle();
    assert.deepEqual([asking.sockets.length, asking.state.state], [0, 'waiting']);
    assert.match(asking.state.reason, /^token: /);
    const world = await live();
    await assert.rejects(world.client.subscribe(half), wanted);
    await assert.rejects(world.client.unsubscribe([half]), wanted);
    assert.deepEqual(world.socket.take(), []);
    let asked = 0;
    const renewing = await live({token: () => ++asked === 1 ? 't' : half}, {expires_in: 4});
    await renewing.clock.advance(3000);
    assert.equal(renewing.errors[0].code, 'invalid_payload');
    assert.deepEqual(renewing.socket.take(), []);
  });

  test('whole characters, and text that only looks like an escape, go out as they are', async () => {
    const world = await live();
    for (const text of ['😀', '\\ud83d', '\\\\ud83d', '"\\u', '\u2028\0\x7f', 'ä']) {
      const call = outcome(world.client.call('echo', {text, [text]: 1}));
      const [{id, payload}] = world.socket.take();
      assert.deepEqual(payload, {text, [text]: 1});
      reply(world.socket, id, payload);
      await settle();
      assert.deepEqual(call.value, payload);
    }
  });

  test('a name that is none, and a payload that is no object, are refused here', async () => {
    const world = await live();
    for (const name of ['', 'a b', 'a'.repeat(65), 'ä', 'a\n', 'a"', half, undefined, null, 7, {}, ['echo']])
      await assert.rejects(world.client.call(name, {}), {name: 'HotlineError', code: 'invalid_command', retryable: false});
    for (const payload of [null, 7, 'text', true, [1], () => {}, Symbol('s'), new Date(0), NaN])
      await assert.rejects(world.client.call('a', payload), {name: 'HotlineError', code: 'invalid_payload', retryable: false});
    for (const payload of [{n: 1n}, {get a() { throw new TypeError('mine'); }}])
      await assert.rejects(world.client.call('a', payload), TypeError);
    assert.deepEqual(world.socket.take(), []);
    world.client.call('a'.repeat(64));
    world.client.call('A-z_0.9:');
    assert.deepEqual(world.socket.take().map(({command, id}) => [command, id]), [['a'.repeat(64), 1], ['A-z_0.9:', 2]]);
  });

  test('a call that is refused here leaves nothing behind', async () => {
    const world = await live(), timers = world.clock.pending;
    for (let n = 0; n < 100; ++n) await assert.rejects(world.client.call('a', {half}));
    assert.equal(world.clock.pending, timers);
    for (let n = 0; n < 4; ++n) world.client.call('b');
    assert.equal(world.socket.take().length, 4);
    await world.drop();
    await world.resumed();
    world.socket.say({type: 'pong', timestamp: 1, seq: 0});
    assert.deepEqual(world.socket.take().map(({command}) => command), ['ping', 'b', 'b', 'b', 'b']);
  });

  for (const code of ['not_json', 'too_deep', 'too_many_values', 'number_out_of_range', 'duplicate_key', 'invalid_command']) {
    test(`a message that the server refuses settles its call, and frees its place: ${code}`, async () => {
      const world = await live();
      const calls = Array.from({length: 5}, (_, n) => outcome(world.client.call('a', {n})));
      assert.equal(world.socket.take().length, 4);
      world.socket.say({type: 'command_error', timestamp: 1, id: 1, error: {code, message: 'no', retryable: false}});
      world.socket.say({type: 'command_error', timestamp: 1, id: 2, command: '', error: {code, message: 'no', retryable: false}});
      await settle();
      for (const {error} of calls.slice(0, 2)) {
        assert.ok(error instanceof HotlineError);
        assert.deepEqual([error.code, error.retryable], [code, false]);
      }
      assert.deepEqual(world.socket.take(), [{command: 'a', id: 5, payload: {n: 4}}]);
      await world.drop();
      await world.resumed();
      world.socket.say({type: 'pong', timestamp: 1, seq: 0});
      assert.deepEqual(world.socket.take().filter(({command}) => command === 'a').map(({id}) => id), [3, 4, 5]);
      assert.deepEqual(world.errors, []);
    });
  }

  test('a server of before says it without an id: it is reported, and the call has its time', async () => {
    const world = await live();
    const call = outcome(world.client.call('a', {}, {timeout: 5000}));
    world.socket.say({type: 'error', timestamp: 1, code: 'too_deep', message: 'no'});
    await settle();
    assert.deepEqual([world.errors[0].code, call], ['too_deep', {}]);
    await world.clock.advance(5000);
    assert.equal(call.error.code, 'timeout');
  });

  test('a call that turns out to be too big when the server is known is not sent', async () => {
    const world = new ClientWorld();
    const big = outcome(world.client.call('a', {text: 'x'.repeat(1000)}));
    const small = outcome(world.client.call('b'));
    await world.greet();
    assert.deepEqual([big.error.code, big.error.retryable, small], ['too_big', false, {}]);
    assert.deepEqual(world.socket.take().map(({command}) => command), ['b']);
  });

  test('a call that cannot be sent is refused here', async () => {
    const world = await live();
    await assert.rejects(world.client.call('a', {text: 'ü'.repeat(500)}), {code: 'too_big', retryable: false});
    const circle = {};
    circle.circle = circle;
    await assert.rejects(world.client.call('a', circle), TypeError);
    assert.deepEqual(world.socket.take(), []);
  });

  test('close() ends the session, the calls and the waits, once', async () => {
    const world = await live();
    const call = outcome(world.client.call('a'));
    const forgotten = [];
    for (const target of [world.window, world.window.document]) target.removeEventListener = (type) => forgotten.push(type);
    world.client.close();
    world.client.close();
    assert.deepEqual(forgotten, ['online', 'offline', 'pageshow', 'pagehide', 'visibilitychange', 'freeze', 'resume']);
    world.client.check();
    await settle();
    assert.equal(world.socket.closed, 1000);
    assert.equal(call.error.code, 'closed');
    assert.deepEqual(world.states.map(({state}) => state), ['live', 'closed']);
    await world.happen('online');
    await world.clock.advance(100_000);
    assert.deepEqual([world.sockets.length, world.clock.pending], [1, 0]);
    const early = new ClientWorld();
    const ready = outcome(early.client.ready());
    early.client.close('changed my mind');
    await settle();
    assert.equal(ready.error.message, 'changed my mind');
    assert.equal(early.sockets.length, 0);
  });
});

describe('subscriptions', () => {
  const answer = (socket, id, events, command = 'subscribe') =>
    socket.say({type: 'command_response', timestamp: 1, command, id, result: {events, seq: 0}});

  test('they are what the server says', async () => {
    const world = await live();
    assert.equal(world.client.subscriptions, undefined);
    const heard = outcome(world.client.subscribe('a', ['b', 'c']));
    assert.deepEqual(world.socket.take(), [{command: 'subscribe', id: 1, payload: {events: ['a', 'b', 'c']}}]);
    answer(world.socket, 1, ['a', 'b', 'c']);
    outcome(world.client.unsubscribe('b'));
    assert.deepEqual(world.socket.take(), [{command: 'unsubscribe', id: 2, payload: {events: ['b']}}]);
    answer(world.socket, 2, ['a', 'c'], 'unsubscribe');
    await settle();
    assert.deepEqual([heard.value, world.client.subscriptions], [['a', 'b', 'c'], ['a', 'c']]);
  });

  test('their answer tells how far we have come, but not when it is given again', async () => {
    const subscribed = (id, seq) =>
      world.socket.say({type: 'command_response', timestamp: 1, command: 'subscribe', id, result: {events: ['a'], seq}});
    const world = await live({events: ['a']}, {seq: 3});
    subscribed(0, 5);
    assert.equal(world.client.seq, 5);
    outcome(world.client.subscribe('b'));
    subscribed(1, 7);
    assert.equal(world.client.seq, 7);
    outcome(world.client.subscribe('c'));
    await world.drop();
    await world.resumed({seq: 9});
    subscribed(2, 9);  // while 8 is on its way
    assert.equal(world.client.seq, 7);
    world.socket.event(8, 'a');
    assert.deepEqual(world.heard, [8]);
    outcome(world.client.subscribe('d'));
    world.socket.say({type: 'pong', timestamp: 1, seq: 9});
    subscribed(3, 9);
    assert.equal(world.client.seq, 9);
    outcome(world.client.subscribe('e'));
    await world.drop();
    await world.greet({reason: 'expired', seq: 20});
    subscribed(4, 21);
    assert.equal(world.client.seq, 21);
  });

  test('a resumed session has them still', async () => {
    const world = await live();
    outcome(world.client.subscribe('a'));
    answer(world.socket, 1, ['a']);
    await world.drop();
    await world.resumed();
    assert.deepEqual(world.socket.take(), []);
  });

  test('in a new session they are repeated before anything else, and no other events come meanwhile', async () => {
    const world = await live();
    outcome(world.client.subscribe('a'));
    answer(world.socket, 1, ['a']);
    world.socket.end();
    outcome(world.client.call('c'));
    outcome(world.client.subscribe('b'));
    await world.clock.advance(1000);
    await world.greet({reason: 'expired', seq: 10});
    assert.deepEqual(world.socket.take(), [
      {command: 'subscribe', id: 0, payload: {events: ['a']}}, {command: 'c', id: 2},
      {command: 'subscribe', id: 3, payload: {events: ['b']}}]);
    world.socket.event(11, 'x');
    world.socket.event(12, 'a');
    world.socket.say({type: 'hint', timestamp: 1, project_id: 'p'});
    answer(world.socket, 0, ['a']);
    answer(world.socket, 3, ['a', 'b']);
    world.socket.event(13, 'b');
    assert.deepEqual(world.heard, [12, undefined, 13]);
    assert.deepEqual(world.client.subscriptions, ['a', 'b']);
    assert.equal(world.client.seq, 13);
  });

  test('nothing at all is a subscription too', async () => {
    const world = await live({events: []});
    assert.deepEqual(world.socket.take(), [{command: 'subscribe', id: 0, payload: {events: []}}]);
    world.socket.event(1);
    assert.deepEqual(world.heard, []);
  });

  test('those that are asked for at the start hold from the first event on, through every kind of loss', async () => {
    const world = await live({events: ['a']});
    world.socket.event(1, 'x');
    world.socket.event(2, 'a');
    assert.deepEqual(world.heard, [2]);
    world.socket.take();
    await world.drop();
    await world.resumed({seq: 2});
    assert.deepEqual(world.socket.take(), [{command: 'ping'}]);
    world.socket.say({type: 'pong', timestamp: 1, seq: 2});
    assert.deepEqual(world.socket.take(), [{command: 'subscribe', id: 0, payload: {events: ['a']}}]);
    answer(world.socket, 0, ['a']);
    await world.drop();
    await world.resumed({seq: 2});
    assert.deepEqual(world.socket.take(), []);
    await world.drop();
    await world.greet({epoch: 'e2', reason: 'epoch_changed'});
    assert.deepEqual(world.socket.take(), [{command: 'subscribe', id: 0, payload: {events: ['a']}}]);
  });

  test('a change under way is made in the new session', async () => {
    const world = await live();
    const change = outcome(world.client.subscribe('a'));
    world.socket.take();
    await world.drop();
    await world.greet({reason: 'expired'});
    assert.deepEqual(world.socket.take(), [{command: 'subscribe', id: 1, payload: {events: ['a']}}]);
    answer(world.socket, 1, ['a']);
    await settle();
    assert.deepEqual(change.value, ['a']);
  });

  test('one that cannot be made good is reported', async () => {
    const world = await live({events: ['a']});
    refuse(world.socket, 0, {code: 'forbidden', message: 'no', retryable: false});
    assert.equal(world.errors[0].code, 'forbidden');
  });
});
