// Browsers' ways with pages, tabs, workers and networks, and the client's reactions.
import assert from 'node:assert/strict';
import test, {after, describe} from 'node:test';
import {launchBrowser, launchCachingBrowser} from './browser.mjs';
import {Server, within} from './harness.mjs';
import {Proxy} from './proxy.mjs';

/** Connects a page as `window.client`, which keeps what it receives in `window.kept`. */
const connectPage = (page, url, options = {}) => page.evaluate(async ([url, options]) => {
  const {connect} = await import('/hotline.js');
  window.kept = {seqs: [], gaps: [], states: []};
  window.client = connect(url, options);
  client.on('*', ({seq}) => kept.seqs.push(seq));
  client.onGap(({reason}) => kept.gaps.push(reason));
  client.onState((change) => kept.states.push(change));
}, [url, options]);

const ready = (page) => page.evaluate(() => client.ready().then((session) => session.connection_id));
const closed = (server, id) => server.printed.find((line) => line.startsWith(`closed ${id} `), 'the end of the connection');

describe('a page that is left', async () => {
  const browser = await launchCachingBrowser();
  after(() => browser.close());

  async function opened(t, options) {
    const server = await Server.start(t);
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const at = (path) => `http://127.0.0.1:${server.port}${path}`;
    await page.goto(at('/health'));
    await connectPage(page, '/ws/p', options);
    return {server, context, page, at, id: await ready(page)};
  }

  test('is gone for the host while the browser keeps it, and misses nothing when it is shown again', async (t) => {
    const {server, page, at, id} = await opened(t);
    const source = await server.connect();
    await page.evaluate(() => { window.asked = client.call('slow', {steps: 0, wait: true}, {timeout: 0}); });
    for (let times = 1; times <= 3; ++times) {
      await page.goto(at('/target'));
      assert.equal(await closed(server, id), `closed ${id} 4000 the page is frozen`);
      assert.equal((await source.result('status')).connections, 1);
      const {seq} = await source.result('emit', {type: 'line', count: 50});
      await page.evaluate(() => history.back()).catch(() => {});  // the page that asks is gone before it is answered
      await server.printed.find((line) => line === `resumed ${id}`, 'the way back');
      await page.waitForFunction((seq) => client.seq === seq, seq);  // so it is the page from before
    }
    assert.deepEqual(await page.evaluate(() => [kept.seqs, kept.gaps]), [Array.from({length: 150}, (_, n) => n + 1), []]);
    assert.equal(await page.evaluate(() => client.session.connection_id), id);
    assert.deepEqual(await page.evaluate(() => kept.states.slice(-3).map(({state, code, reason, resumed}) => ({state, code, reason, resumed}))), [
      {state: 'waiting', code: 4000, reason: 'the page is frozen'},
      {state: 'connecting', reason: ''},
      {state: 'live', reason: '', resumed: true}].map((change) => ({code: undefined, resumed: undefined, ...change})));
  });

  test('is no connection more: one tab that walks through many pages has one', async (t) => {
    const {server, page, at, id} = await opened(t);
    const source = await server.connect();
    for (let n = 0, last = id; n < 6; ++n) {
      await page.goto(at(n % 2 ? '/health' : '/target'));
      await closed(server, last);
      await connectPage(page, '/ws/p');
      last = await ready(page);
      assert.equal((await source.result('status')).connections, 2);
    }
  });

  test('for good: its session waits for it, or it ends when the page says goodbye', async (t) => {
    for (const [options, code] of [[{}, 1001], [{goodbye: true}, 1000]]) {
      for (const leave of [(page) => page.reload(), (page) => page.close()]) {
        const {server, page, id} = await opened(t, options);
        await leave(page);
        assert.match(await closed(server, id), new RegExp(`^closed ${id} ${code} `));
      }
    }
  });

  test('is kept with its session also when it says goodbye', async (t) => {
    const {server, page, at, id} = await opened(t, {goodbye: true});
    await page.goto(at('/target'));
    assert.match(await closed(server, id), / 4000 /);
    await page.evaluate(() => history.back()).catch(() => {});
    await server.printed.find((line) => line === `resumed ${id}`, 'the way back');
  });

  test('takes its worker with it, when it tells it', async (t) => {
    const server = await Server.start(t);
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.port}/health`);
    await page.evaluate(() => {
      // As docs/browser.md shows it.
      const text = `
        import {connect} from '${location.origin}/hotline.js';
        self.onmessage = ({data: {type, persisted}}) => self.dispatchEvent(Object.assign(new Event(type), {persisted}));
        connect('${location.origin}/ws/p');`;
      const worker = new Worker(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})), {type: 'module'});
      for (const type of ['pagehide', 'pageshow'])
        addEventListener(type, ({persisted}) => worker.postMessage({type, persisted}));
    });
    const [, id] = (await server.printed.find((line) => line.startsWith('opened'), 'the worker')).split(' ');
    await page.goto(`http://127.0.0.1:${server.port}/target`);
    assert.equal(await closed(server, id), `closed ${id} 4000 the page is frozen`);
    await page.evaluate(() => history.back()).catch(() => {});
    await server.printed.find((line) => line === `resumed ${id}`, 'the way back');
  });
});

describe('tabs', async () => {
  const browser = await launchBrowser();
  after(() => browser.close());

  /** A tab whose client has a clock that stands still but for `tick(ms)`. */
  async function tab(context, server) {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.port}/health`);
    await page.evaluate(() => {
      let now = 1e6, last = 0;
      const timers = new Map();
      window.env = {
        now: () => now, clearTimeout: (id) => timers.delete(id),
        setTimeout: (f, ms) => { timers.set(++last, {f, due: now + ms}); return last; },
      };
      window.tick = (ms) => {
        now += ms;
        for (const [id, {f, due}] of timers) if (due <= now && timers.delete(id)) f();
      };
      window.passed = 0;
      new BroadcastChannel('passed').onmessage = () => { ++passed; };
    });
    await page.evaluate(async () => {
      const {connect} = await import('/hotline.js');
      window.states = [];
      window.client = connect('/ws/held', {env});
      client.onState(({state, reason}) => states.push(reason ? `${state}: ${reason}` : state));
    });
    return page;
  }

  test('that wait for each other in the browser are not given up', async (t) => {
    const server = await Server.start(t, '--hold', 'held');
    const context = await browser.newContext();
    t.after(() => context.close());
    const source = await server.connect();
    const tabs = [];
    for (let n = 0; n < 4; ++n) tabs.push(await tab(context, server));
    const waiting = new Set(tabs);
    while (waiting.size > 0) {
      await server.printed.find((line) => line === 'held', 'a handshake');
      await Promise.all(tabs.map((page) => page.evaluate(() => tick(9000))));  // connectTimeout is 10000
      await source.result('admit');
      const live = await within(Promise.any([...waiting].map((page) => ready(page).then(() => page))), 'the next tab');
      waiting.delete(live);
      // The others have received what this tab said at the end of its handshake when they have received this.
      const times = tabs.length - waiting.size;
      await live.evaluate(() => new BroadcastChannel('passed').postMessage(0));
      for (const page of waiting) await page.waitForFunction((times) => passed === times, times);
    }
    for (const page of tabs) assert.deepEqual(await page.evaluate(() => states), ['live']);
  });

  test('one that is closed in the middle of its handshake counts like one that is done', async (t) => {
    const server = await Server.start(t, '--hold', 'held');
    const context = await browser.newContext();
    t.after(() => context.close());
    const source = await server.connect();
    const first = await tab(context, server);
    await server.printed.find((line) => line === 'held', 'the first handshake');
    const second = await tab(context, server);
    await second.evaluate(() => tick(9000));
    await first.evaluate(() => addEventListener('pagehide', () => new BroadcastChannel('passed').postMessage(0)));
    await first.close();
    await second.waitForFunction(() => passed === 1);
    await second.evaluate(() => tick(9000));
    await server.printed.find((line) => line === 'held', 'the second handshake');
    await source.result('admit');  // the first one's
    await source.result('admit');
    await ready(second);
    assert.deepEqual(await second.evaluate(() => states), ['live']);
  });
});

describe('workers', async () => {
  const browser = await launchBrowser();
  after(() => browser.close());

  test('made of a blob or a data URL: a relative URL is refused with what is needed, an absolute one works', async (t) => {
    const server = await Server.start(t);
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.goto(`http://127.0.0.1:${server.port}/health`);
    const told = await page.evaluate(async () => {
      const text = `
        import {connect} from '${location.origin}/hotline.js';
        try { connect('/ws/p'); } catch (error) { postMessage(error.name + ': ' + error.message); }
        connect('${location.origin}/ws/p').ready().then(() => postMessage('live'));`;
      const worker = new Worker(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})), {type: 'module'});
      const heard = [];
      await new Promise((resolve) => {
        worker.onmessage = ({data}) => { if (heard.push(data) === 2) resolve(); };
      });
      return heard;
    });
    assert.match(told[0], /^TypeError: "\/ws\/p" .* in blob:http:.*: an absolute one is needed, such as wss:\/\//);
    assert.equal(told[1], 'live');
    const framed = await page.evaluate(async () => {
      const {connect} = await import('/hotline.js');
      const frame = document.body.appendChild(document.createElement('iframe'));
      const said = [];
      for (const window of [frame.contentWindow, {location: {href: 'about:srcdoc'}}, {location: {href: 'data:text/html,x'}}]) {
        try { connect('/ws/p', {env: {window}}); } catch (error) { said.push(error.message); }
      }
      return said;
    });
    assert.equal(framed.length, 3);
    for (const message of framed) assert.match(message, /in (about|data):.*: an absolute one is needed/);
  });
});

describe('the local network', () => {
  /** The state behind the first attempt, of a page that Chromium takes for one of the internet. */
  async function refused(t, page, server, url) {
    await connectPage(page, url);
    await page.waitForFunction(() => kept.states.some(({state}) => state === 'waiting'));
    return page.evaluate(() => kept.states.find(({state}) => state === 'waiting').reason);
  }

  test('a page that may not reach it says so', async (t) => {
    const server = await Server.start(t, '--host', 'app.example');
    const proxy = await Proxy.start(t, server.port);
    for (const [space, url, permission] of [
      [`127.0.0.1:${proxy.port}=public`, `http://127.0.0.1:${proxy.port}/health`, 'loopback-network'],
      [`127.0.0.1:${proxy.port}=public,127.0.0.1:${server.port}=private`, `http://127.0.0.1:${proxy.port}/health`, 'local-network'],
      [`127.0.0.1:${proxy.port}=public`, `http://app.example:${proxy.port}/health`, 'loopback-network'],
    ]) {
      const browser = await launchBrowser(`--ip-address-space-overrides=${space}`, '--host-resolver-rules=MAP app.example 127.0.0.1');
      t.after(() => browser.close());
      const page = await browser.newPage();
      await page.goto(url);
      assert.equal(await refused(t, page, server, server.url()),
        `this page is denied the local network (${permission}), where the server may be`);
      assert.equal(await page.evaluate(() => client.state !== 'closed'), true);
    }
  });

  test('a page of the server itself, and one that was not refused, say nothing of it', async (t) => {
    const server = await Server.start(t, '--host', 'app.example');
    const proxy = await Proxy.start(t, server.port), other = await Proxy.start(t, server.port);
    const browser = await launchBrowser('--host-resolver-rules=MAP app.example 127.0.0.1');
    t.after(() => browser.close());
    for (const [url, target] of [
      [`http://127.0.0.1:${proxy.port}/health`, `ws://127.0.0.1:${other.port}/ws/p`],
      [`http://app.example:${proxy.port}/health`, `ws://app.example:${other.port}/ws/p`],
    ]) {
      const page = await browser.newPage();
      await page.goto(url);
      other.target = null;
      assert.equal(await refused(t, page, server, target), 'the server does not answer');
      other.target = server.port;
    }
  });
});
