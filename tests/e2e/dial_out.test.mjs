// examples/13_dial_out, a client, against servers that are not hotline's: node's, OpenSSL's and, where it is installed, Redis.
//
//   node tests/e2e/dial_out.test.mjs [BUILD_DIRECTORY]
import {strict as assert} from 'node:assert';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {examples, run, within} from './programs.mjs';

const folder = mkdtempSync(join(tmpdir(), 'hotline-dial-'));
process.on('exit', () => rmSync(folder, {recursive: true, force: true}));

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

function start(command, ...args) {
  const child = spawn(command, args, {stdio: ['ignore', 'pipe', 'pipe'], cwd: folder});
  children.add(child);
  child.once('close', () => children.delete(child));
  child.out = child.err = '';
  child.stdout.on('data', (text) => child.out += text);
  child.stderr.on('data', (text) => child.err += text);
  return child;
}

const dial = (...args) => start(join(examples, '13_dial_out'), ...args);

async function ends(child) {
  const [code] = await within(once(child, 'close'), `${child.spawnargs.join(' ')} to end`);
  return {code, out: child.out, err: child.err};
}

async function says(stream, pattern) {
  let seen = '';
  for await (const line of createInterface({input: stream})) {
    const found = pattern.exec(line);
    if (found) return found;
    seen += `${line}\n`;
  }
  assert.fail(`${pattern} did not come: ${seen}`);
}

async function listening(server, port = 0, host = '127.0.0.1') {
  server.listen(port, host);
  await within(once(server, 'listening'), 'a server that listens');
  return server.address().port;
}

// Answers each line in capitals; `each` may do something else with the socket instead.
const shouting = (each = () => false) => createServer((socket) => {
  const lines = createInterface({input: socket});
  lines.on('line', (line) => each(socket, line) || socket.write(`${line.toUpperCase()}\r\n`));
  for (const end of [lines, socket]) end.on('error', () => {});  // resets are meant
});

const has = (program) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], {stdio: 'ignore'});
    return true;
  } catch {
    return false;
  }
};

await run([
  ['node: lines are answered, over an address and over a name', async () => {
    const server = shouting();
    const port = await listening(server);
    for (const host of ['127.0.0.1', 'localhost'])
      assert.deepEqual(await ends(dial('--host', host, '--port', port, 'one', 'two words', 'grüße')),
        {code: 0, out: 'ONE\nTWO WORDS\nGRÜSSE\n', err: ''});
    server.close();
  }],

  ['node: a server that is not there yet is waited for', async () => {
    const first = shouting();
    const port = await listening(first);
    first.close();
    await within(once(first, 'close'), 'the first server to close');
    const client = dial('--port', port, 'hello');
    await within(says(client.stderr, /^not connected: Connection refused$/), 'a refusal');
    const second = shouting();
    await listening(second, port);
    const told = await ends(client);
    assert.equal(told.code, 0);
    assert.equal(told.out, 'HELLO\n');
    second.close();
  }],

  ['node: a line whose connection is lost is sent again', async () => {
    let drops = 2;
    const server = shouting((socket) => drops-- > 0 && (socket.resetAndDestroy(), true));
    const port = await listening(server);
    const told = await ends(dial('--port', port, 'hello', 'again'));
    assert.equal(told.code, 0);
    assert.equal(told.out, 'HELLO\nAGAIN\n');
    assert.equal(told.err, 'not connected: Connection reset by peer\n'.repeat(2));
    server.close();
  }],

  ['node: an answer that takes too long is given up', async () => {
    let silent = true;
    const server = shouting(() => silent && !(silent = false));
    const port = await listening(server);
    const told = await ends(dial('--port', port, 'hello'));
    assert.equal(told.code, 0);
    assert.equal(told.err, 'not connected: Operation canceled\n');
    server.close();
  }],

  ['OpenSSL: its server reverses lines, and its certificate is proved', async () => {
    const make = (name) => execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
      'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', `${name}.key`, '-out', `${name}.pem`],
    {stdio: 'ignore', cwd: folder});
    make('server');
    make('other');
    for (const version of ['-tls1_3', '-tls1_2']) {
      const server = start('openssl', 's_server', version, '-accept', '127.0.0.1:0', '-cert', 'server.pem', '-key',
        'server.key', '-rev');
      const [, port] = await within(says(server.stdout, /^ACCEPT .*:(\d+)$/), 'the port of openssl s_server');
      for (const host of ['localhost', '127.0.0.1'])
        assert.deepEqual(await ends(dial('--host', host, '--port', port, '--ca', 'server.pem', 'hello', 'one two')),
          {code: 0, out: 'olleh\nowt eno\n', err: ''});
      const client = dial('--port', port, '--ca', 'other.pem', 'hello');
      await within(says(client.stderr, /^not connected: certificate not trusted: self-signed certificate$/), 'a refusal');
      client.kill('SIGKILL');
      await ends(client);
      assert.equal(client.out, '');
      server.kill('SIGKILL');
      await ends(server);
    }
  }],

  ...(has('redis-server') ? [['Redis: inline commands', async () => {
    const probe = shouting();
    const port = await listening(probe);
    probe.close();
    await within(once(probe, 'close'), 'a free port');
    const server = start('redis-server', '--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no');
    const told = await ends(dial('--port', port, 'PING', 'INCR visits', 'INCR visits', 'NO SUCH'));
    assert.equal(told.code, 0);
    assert.match(told.out, /^\+PONG\n:1\n:2\n-ERR unknown command.*\n$/);
    server.kill('SIGTERM');
    await ends(server);
  }]] : []),
]);
