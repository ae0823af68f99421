// wss as npm `ws` and a browser see it, with certificates made for the test by OpenSSL's own program.
//
//   node tests/e2e/tls.test.mjs [BUILD_DIRECTORY]
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {connect as dial} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {connect as dialTls} from 'node:tls';
import {launchBrowser} from './browser.mjs';
import {Client, Program, examples, run, within} from './programs.mjs';

const folder = mkdtempSync(join(tmpdir(), 'hotline-tls-'));
process.on('exit', () => rmSync(folder, {recursive: true, force: true}));
const file = (name) => join(folder, name);

function certificate(name, subject) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${subject}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
    '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)], {stdio: 'ignore'});
}
certificate('first', 'first');
certificate('second', 'second');

function install(name) {
  copyFileSync(file(`${name}.pem`), file('chain.pem'));
  copyFileSync(file(`${name}.key`), file('key.pem'));
}

async function start() {
  install('first');
  return Program.start(join(examples, '09_tls'), '--certificate', file('chain.pem'), '--key', file('key.pem'));
}

async function join_in(program, project, options = {rejectUnauthorized: false}) {
  const client = new Client(`wss://127.0.0.1:${program.port}/ws/${project}`, options);
  client.hello = await client.next((m) => m.type === 'connected');
  return client;
}

const shown = (client) => client.socket._socket.getPeerCertificate().subject.CN;

async function stops_cleanly(program, ...clients) {
  const ended = program.stop();
  for (const client of clients) assert.equal((await within(client.closed, 'the close')).code, 1001);
  assert.deepEqual(await ended, {code: 0, signal: null});
  assert.equal(program.errors, '');
}

await run([
  ['ws: commands and events, small and large, over TLS 1.3 and 1.2', async () => {
    const program = await start();
    const newest = await join_in(program, 'demo');
    const older = await join_in(program, 'demo', {rejectUnauthorized: false, maxVersion: 'TLSv1.2'});
    assert.equal(newest.socket._socket.getProtocol(), 'TLSv1.3');
    assert.equal(older.socket._socket.getProtocol(), 'TLSv1.2');
    for (const text of ['hello', 'x'.repeat(60_000), 'grüße']) {
      assert.equal((await newest.call('say', {text})).type, 'command_response');
      for (const client of [newest, older]) assert.equal((await client.event('said')).text, text);
    }
    await stops_cleanly(program, newest, older);
  }],

  ['ws: a client that checks the certificate is content', async () => {
    const program = await start();
    const ca = execFileSync('cat', [file('first.pem')]);
    const client = await join_in(program, 'demo', {ca});
    assert.equal(client.socket._socket.authorized, true);
    await stops_cleanly(program, client);
  }],

  ['ws: a page that was not fetched by TLS is of another origin', async () => {
    const program = await start();
    const status = async (origin) => {
      const client = new Client(`wss://127.0.0.1:${program.port}/ws/demo`, {rejectUnauthorized: false, origin});
      const told = await within(new Promise((resolve) => {
        client.socket.on('unexpected-response', (request, response) => resolve(response.statusCode));
        client.socket.on('open', () => resolve(101));
      }), 'the answer');
      client.socket.terminate();
      return told;
    };
    assert.equal(await status(`https://127.0.0.1:${program.port}`), 101);
    assert.equal(await status(`http://127.0.0.1:${program.port}`), 403);
    assert.equal(await status('https://127.0.0.1'), 403);
    await stops_cleanly(program);
  }],

  ['a certificate is renewed while clients are connected, and one that does not load changes nothing', async () => {
    const program = await start();
    const before = await join_in(program, 'demo');
    assert.equal(shown(before), 'first');
    install('second');
    program.process.kill('SIGHUP');
    await program.line(/^renewed$/);
    const after = await join_in(program, 'demo');
    assert.equal(shown(after), 'second');
    writeFileSync(file('chain.pem'), 'nonsense');
    program.process.kill('SIGHUP');
    await program.line(/^not renewed: no start line$/);
    const later = await join_in(program, 'demo');
    assert.equal(shown(later), 'second');
    await before.call('say', {text: 'still here'});
    for (const client of [before, after, later]) assert.equal((await client.event('said')).text, 'still here');
    await stops_cleanly(program, before, after, later);
  }],

  ['who speaks plain HTTP, or an old TLS, is refused, and the others go on', async () => {
    const program = await start();
    const client = await join_in(program, 'demo');
    const plain = dial(Number(program.port), '127.0.0.1');
    plain.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let answer = '';
    plain.on('data', (bytes) => { answer += bytes; });
    await within(new Promise((resolve) => plain.on('close', resolve)), 'the end');
    assert.match(answer, /^HTTP\/1\.1 400 /);
    await program.line(/^refused 127\.0\.0\.1:\d+: http request$/);
    const old = dialTls({port: Number(program.port), host: '127.0.0.1', rejectUnauthorized: false,
      minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0'});
    await within(new Promise((resolve) => old.on('error', resolve)), 'the refusal');
    await program.line(/^refused 127\.0\.0\.1:\d+: unsupported protocol$/);
    await client.call('say', {text: 'on'});
    await stops_cleanly(program, client);
  }],

  ['a page in a browser is served over https, and hears events over wss', async () => {
    const program = await start();
    const browser = await launchBrowser('--ignore-certificate-errors');
    try {
      const page = await browser.newPage();
      const sockets = [];
      page.on('websocket', (socket) => sockets.push(socket.url()));
      await page.goto(program.url);
      const speaker = await join_in(program, 'demo');
      await page.waitForFunction(() => performance.getEntriesByType('resource').length > 0);
      await page.fill('#text', 'from the page');
      await page.press('#text', 'Enter');
      assert.equal((await speaker.event('said')).text, 'from the page');
      await speaker.call('say', {text: 'to the page'});
      await page.waitForFunction(() => document.querySelectorAll('#said li').length === 2);
      assert.deepEqual(await page.locator('#said li').allTextContents(), ['from the page', 'to the page']);
      assert.match(sockets[0], /^wss:\/\/127\.0\.0\.1:\d+\/ws\/demo/);
    } finally {
      await browser.close();
    }
    await stops_cleanly(program);
  }],
]);
