// nginx and haproxy in front of hotline, set up as docs/proxies.md says.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {statSync} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import {test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import WebSocket from 'ws';
import {Raw, frame, within} from './harness.mjs';
import {Host, Proxy, all, block, certificate, folder, replacing, withBlock} from './proxies.mjs';

const languages = ['nginx', 'haproxy'];

/** The outcome of a plain request. */
function request(proxy, target, {method = 'GET', headers = {}} = {}) {
  return within(new Promise((resolve, reject) => {
    http.request({host: '127.0.0.1', port: proxy.port, path: target, method, headers, agent: false}, (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text) => { body += text; })
        .on('end', () => resolve({status: response.statusCode, headers: response.headers, body})).on('error', reject);
    }).on('error', reject).end();
  }), `${method} ${target}`);
}

/** The status that turns a page's client away; 101 when nothing does. */
function statusOf(proxy, options) {
  return within(new Promise((resolve, reject) => {
    const socket = new WebSocket(proxy.url, {origin: proxy.origin, rejectUnauthorized: false, ...options});
    socket.on('error', reject).on('unexpected-response', (_, response) => {
      resolve(response.statusCode);
      response.destroy();
    }).on('open', () => {
      resolve(101);
      socket.terminate();
    });
  }), 'the status');
}

/** A client that is let in at last: a proxy may take its time to find its server again. */
async function comesBack(t, proxy, options) {
  for (;;) {
    try {
      return await proxy.connect(t, options);
    } catch {
      await sleep(50);
    }
  }
}

/** One client's command, answer and event; in messages that fit into no one buffer of a proxy's as well. */
async function works(t, proxy, options) {
  const client = await proxy.connect(t, options);
  for (const text of ['hello', 'grüße', 'x'.repeat(60_000)]) {
    const {seq} = await client.result('say', {text});
    const event = await client.next('event');
    assert.deepEqual([event.seq, event.text], [seq, text]);
  }
  return client;
}

for (const language of languages) {
  test(`${language}: a page's client connects, and receives its own events`, async (t) => {
    const host = await Host.start(t);
    const proxy = await Proxy.start(t, language, host.address);
    const client = await works(t, proxy);
    client.socket.close(1000);
    assert.equal(await host.printed.find((line) => line.startsWith('closed'), 'the close'), 'closed 1000 ');
  });

  test(`${language}: pages of other origins are 403, and plain pages pass`, async (t) => {
    const host = await Host.start(t);
    const proxy = await Proxy.start(t, language, host.address);
    assert.equal(await statusOf(proxy, {origin: 'https://elsewhere.example'}), 403);
    assert.equal((await request(proxy, '/health')).body, 'ok\n');
    assert.equal((await request(proxy, '/big')).body.length, 1_000_000);
    assert.equal((await request(proxy, '/ws/p')).status, 426);
    const script = await request(proxy, '/hotline.js');
    assert.equal(script.status, 200);
    assert.equal((await request(proxy, '/hotline.js', {headers: {'If-None-Match': script.headers.etag}})).status, 304);
  });

  test(`${language}: a session goes on with a server that is there again, and is new with one that was restarted`, async (t) => {
    const first = await Host.start(t);
    const proxy = await Proxy.start(t, language, first.address);
    const lost = await works(t, proxy);
    const resume = `?resume=${lost.hello.resume.token}&epoch=${lost.hello.epoch}&after=2`;
    lost.socket.terminate();
    const back = await proxy.connect(t, {query: resume});
    assert.equal(back.hello.resumed, true);
    assert.equal((await back.next('event')).seq, 3);
    const ended = back.next('disconnected');
    await first.end();
    assert.equal((await ended).code, 1001);
    assert.equal((await back.end()).code, 1001);
    assert.ok([502, 503].includes(await statusOf(proxy)), 'nobody is there');
    await Host.start(t, '--port', first.port);
    const again = await comesBack(t, proxy, {query: `?resume=${back.hello.resume.token}&epoch=${back.hello.epoch}&after=3`});
    assert.equal(again.hello.reason, 'epoch_changed');
  });

  test(`${language}: TLS ends at the proxy`, async (t) => {
    const host = await Host.start(t);
    const {chain, key, both} = certificate(folder(t));
    const files = language === 'nginx' ? [replacing('/etc/ssl/app.pem', chain), replacing('/etc/ssl/app.key', key)]
                                       : [replacing('/etc/ssl/app.pem', both)];
    const proxy = await Proxy.start(t, language, host.address, {tls: true, change: all(withBlock('TLS', language), ...files)});
    await works(t, proxy);
    assert.equal(await statusOf(proxy, {origin: 'https://elsewhere.example'}), 403);
  });
}

const idle = {
  nginx: ['proxy_read_timeout 75s', 'proxy_send_timeout 75s'],
  haproxy: ['timeout client 75s', 'timeout server 75s', 'timeout tunnel 75s'],
};

for (const language of languages) {
  test(`${language}: its timeouts are longer than the heartbeat, which keeps idle connections`, async (t) => {
    for (const line of idle[language]) assert.ok(block(language, language).includes(line), line);
    const short = {change: all(...idle[language].map((line) => replacing(line, line.replace('75s', '2s'))))};
    const silent = await Host.start(t);
    const cut = await (await Proxy.start(t, language, silent.address, short)).connect(t);
    assert.ok(75 >= 2 * cut.hello.heartbeat.interval);
    assert.equal((await cut.end()).code, 1006);
    const pinging = await Host.start(t, '--ping-ms', 300);
    const proxy = await Proxy.start(t, language, pinging.address, short);
    // A machine that stalls for two seconds loses a connection; one that is kept is enough.
    for (let kept = false; !kept;) {
      const client = await proxy.connect(t);
      kept = await Promise.race([client.closed.then(() => false), sleep(5_000, true)]);
    }
  });
}

/** How a client fares that is in the middle of a message when it is refused, and sends the rest: the close code, and whether
 * the line ended before it had sent all. */
async function refusedInTheMiddle(t, proxy) {
  const raw = new Raw(net.connect(proxy.port, '127.0.0.1'));
  t.after(() => raw.socket.destroy());
  await raw.upgrade();
  const message = frame(0x81, 'x'.repeat(1_000_000));
  const write = (bytes) => new Promise((resolve) => raw.socket.write(bytes, resolve));
  await write(message.subarray(0, 300_000));
  const code = await raw.closeCode();
  for (let at = 300_000; at < message.length && !raw.hasEnded; at += 100_000) {
    await sleep(10);  // so that the other side has the time to end the line
    if (!raw.hasEnded) await write(message.subarray(at, at + 100_000));
  }
  const broken = raw.hasEnded;
  await write(frame(0x88, Buffer.from([0x03, 0xf1])));
  await raw.ended();
  return {code, broken};
}

for (const language of languages) {
  test(`${language}: a client in the middle of a message that is too big receives 1009, and its line does not break`, async (t) => {
    const host = await Host.start(t);
    const proxy = await Proxy.start(t, language, host.address);
    // A machine that stalls for two seconds breaks the line; one that does not break is enough.
    let broken = 0;
    for (let whole = false; !whole; whole || ++broken) {
      const seen = await refusedInTheMiddle(t, proxy);
      assert.equal(seen.code, 1009);
      whole = !seen.broken;
      assert.ok(broken < 20, 'every line has broken');
    }
  });
}

test('nginx: a Host with a port of its own is the origin of its pages', async (t) => {
  const host = await Host.start(t);
  const proxy = await Proxy.start(t, 'nginx', host.address, {change: withBlock('Host and Origin', 'nginx', 0)});
  await works(t, proxy);
});

test('haproxy: a health check that asks for a page', async (t) => {
  const host = await Host.start(t);
  const proxy = await Proxy.start(t, 'haproxy', host.address, {change: withBlock('Health checks', 'haproxy', 0)});
  assert.equal(await proxy.health(), 'L7OK 200');
  await works(t, proxy);
});

for (const language of languages) {
  test(`${language}: the address is the visitor's, whatever the visitor says`, async (t) => {
    const host = await Host.start(t, '--forwarded', 1);
    const proxy = await Proxy.start(t, language, host.address);
    for (const headers of [{}, {'X-Forwarded-For': '6.6.6.6'}, {'X-Forwarded-For': ['6.6.6.6', '7.7.7.7, 8.8.8.8']}]) {
      await proxy.connect(t, {localAddress: '127.0.0.3', headers});
      assert.equal(await host.printed.next('a client'), 'opened 127.0.0.3');
    }
  });

  test(`${language}: what it compresses is 304 as well`, async (t) => {
    const host = await Host.start(t);
    const proxy = await Proxy.start(t, language, host.address, {change: withBlock('Compressed pages', language)});
    const headers = {'Accept-Encoding': 'gzip'};
    const first = await request(proxy, '/hotline.js', {headers});
    assert.deepEqual([first.status, first.headers['content-encoding']], [200, 'gzip']);
    const again = await request(proxy, '/hotline.js', {headers: {...headers, 'If-None-Match': first.headers.etag}});
    assert.equal(again.status, 304, `If-None-Match: ${first.headers.etag}`);
    await works(t, proxy);
  });

  test(`${language}: the scheme of a page counts where the proxy names it`, async (t) => {
    const host = await Host.start(t, '--forwarded', 1);
    const {chain, key, both} = certificate(folder(t));
    const files = language === 'nginx' ? [replacing('/etc/ssl/app.pem', chain), replacing('/etc/ssl/app.key', key)]
                                       : [replacing('/etc/ssl/app.pem', both)];
    const change = all(withBlock('TLS', language), ...files, withBlock('Scheme', language));
    const proxy = await Proxy.start(t, language, host.address, {tls: true, change});
    assert.equal(await statusOf(proxy), 101);
    const headers = {'X-Forwarded-Proto': 'http'};
    assert.equal(await statusOf(proxy, {headers}), 101);
    assert.equal(await statusOf(proxy, {origin: `http://127.0.0.1:${proxy.port}`, headers}), 403);
  });
}

test('both: behind two proxies the address is the second from the end', async (t) => {
  const host = await Host.start(t, '--forwarded', 2);
  const inner = await Proxy.start(t, 'nginx', host.address);
  const outer = await Proxy.start(t, 'haproxy', `127.0.0.1:${inner.port}`);
  await outer.connect(t, {localAddress: '127.0.0.3', headers: {'X-Forwarded-For': '6.6.6.6, 7.7.7.7'}});
  assert.equal(await host.printed.next('a client'), 'opened 127.0.0.3');
});

for (const [scheme, port] of [['http', 80], ['https', 443]]) {
  test(`nginx: a Host with the port ${port} is the origin of a page that names none`, async (t) => {
    const host = await Host.start(t);
    // As where it listens on that port, which tests do not.
    const change = all(withBlock('Host and Origin', 'nginx', 0), replacing('$server_port', `${port}`));
    const proxy = await Proxy.start(t, 'nginx', host.address, {change});
    assert.equal(await statusOf(proxy, {origin: `${scheme}://127.0.0.1`}), 101);
    assert.equal(await statusOf(proxy, {origin: `${scheme}://127.0.0.2`}), 403);
    assert.equal(await statusOf(proxy, {origin: `${scheme}://127.0.0.1:8443`}), 403);
  });
}

test('haproxy: its plain health check', async (t) => {
  const host = await Host.start(t);
  const proxy = await Proxy.start(t, 'haproxy', host.address, {change: withBlock('Health checks', 'haproxy', 1)});
  assert.equal(await proxy.health(), 'L7OK 204');
  await works(t, proxy);
});

for (const language of languages) {
  test(`${language}: over a Unix socket of its group`, async (t) => {
    const socket = path.join(folder(t), 'hotline.sock');
    const root = process.getuid() === 0;
    const group = root ? {nginx: 'www-data', haproxy: 'haproxy'}[language] : execFileSync('id', ['-gn'], {encoding: 'utf8'}).trim();
    await Host.start(t, '--unix', socket, '--unix-mode', '0660', '--unix-group', group);
    assert.equal(statSync(socket).mode & 0o777, 0o660);
    const change = all(withBlock('Unix sockets', language), replacing('/run/app/hotline.sock', socket));
    await works(t, await Proxy.start(t, language, undefined, {change}));
  });
}

for (const [n, version] of ['send-proxy', 'send-proxy-v2'].entries()) {
  test(`haproxy: ${version} names the visitor`, async (t) => {
    const host = await Host.start(t, '--proxy-protocol', 1);
    const change = all(withBlock('The PROXY protocol', 'haproxy', n), replacing(version, `${version} check`),
      replacing('option forwardfor', 'option httpchk GET /health'));
    const proxy = await Proxy.start(t, 'haproxy', host.address, {change});
    const client = await proxy.connect(t, {localAddress: '127.0.0.3'});
    assert.match(await host.printed.next('a client'), /^opened 127\.0\.0\.3:\d+$/);
    assert.deepEqual(await client.result('echo', {a: 1}), {a: 1});
    assert.equal(await proxy.health(), 'L7OK 200');
  });
}
