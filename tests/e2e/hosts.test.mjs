// DNS rebinding: a page of a stranger's, whose name leads to this machine by now, speaks to a server at a loopback address.
import assert from 'node:assert/strict';
import test, {after, describe} from 'node:test';
import {launchBrowser} from './browser.mjs';
import {Server} from './harness.mjs';

describe('a page whose name was rebound to 127.0.0.1', async () => {
  // Chromium has a check of its own against such pages, which others have not: it would hide what the server does.
  const browser = await launchBrowser('--host-resolver-rules=MAP evil.example 127.0.0.1',
    '--disable-features=LocalNetworkAccessChecks');
  after(() => browser.close());

  /** The responses that a page of `origin` gets from the server that its own name leads to. */
  async function asked(t, server, name) {
    const page = await browser.newPage();
    t.after(() => page.close());
    const origin = `http://${name}:${server.port}`;
    // The page is from before its name was rebound.
    await page.route(`${origin}/page`, (route) => route.fulfill({contentType: 'text/html', body: '<!doctype html>'}));
    await page.goto(`${origin}/page`);
    return page.evaluate(async (path) => {
      const socket = new WebSocket(path);
      const told = await new Promise((resolve) => {
        socket.onmessage = ({data}) => resolve(JSON.parse(data).type);
        socket.onclose = () => resolve('nothing');
      });
      const statuses = [];
      for (const target of ['/hotline.js', '/health', '/nowhere']) statuses.push((await fetch(target)).status);
      return {told, statuses};
    }, `ws://${name}:${server.port}/ws/p`);
  }

  test('receives nothing from the server', async (t) => {
    const server = await Server.start(t);
    assert.deepEqual(await asked(t, server, 'evil.example'), {told: 'nothing', statuses: [421, 421, 421]});
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.goto(`http://evil.example:${server.port}/health`);
    assert.match(await page.textContent('body'), /^421 Misdirected Request\n.*manager_options::hosts/s);
  });

  test('is no page of the server itself, which goes on under every loopback name', async (t) => {
    const server = await Server.start(t);
    for (const name of ['127.0.0.1', 'localhost', 'app.localhost'])
      assert.deepEqual(await asked(t, server, name), {told: 'connected', statuses: [200, 200, 404]});
  });
});
