// Replays every exchange of docs/protocol.md against a real server. In its blocks of ```text
//
//   GET /ws/…      opens a connection; one that is open goes on beside it, and its messages are ignored
//   > {…}          the client sends this
//   < {…}          the client is sent exactly this, but for ids, tokens, epochs and times
//   * host code    the host does this (tests/e2e/protocol.cpp)
//   x CODE REASON  the connection is closed with this
//   x              the client's connection is lost
//
// A line goes on in the next one when that begins with blanks. TOKEN and EPOCH in a GET are those told last.
import {strict as assert} from 'node:assert';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {Client, Program, helpers, run, within} from './programs.mjs';

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

function read_exchanges(text) {
  const exchanges = [];
  let title = '';
  let lines = null;
  for (const line of text.split('\n')) {
    if (lines === null && line.startsWith('#')) title = line.replace(/^#+ /, '');
    if (line === '```text') {
      exchanges.push([title, lines = []]);
    } else if (line === '```') {
      lines = null;
    } else if (lines !== null && /^\s/.test(line)) {
      lines[lines.length - 1] += ` ${line.trim()}`;
    } else if (lines !== null && line !== '') {
      lines.push(line);
    }
  }
  return exchanges;
}

const volatile = {timestamp: 'number', connection_id: 'string', epoch: 'string', token: 'string', expires_in: 'number'};

// As text, so that the order of members counts as well.
function comparable(message) {
  return JSON.stringify(message, (name, value) => {
    if (!(name in volatile)) return value;
    assert.equal(typeof value, volatile[name], name);
    return `some ${name}`;
  }, 1);
}

let server;
let host;
let client;
let told;

// The server's clock stands still, so a timeout comes when this passes time, and no other comes at all.
const withTime = /"code": ("timeout"|4001)/;

async function passingTime(promise) {
  let settled = false;
  const end = () => { settled = true; };
  promise.then(end, end);
  while (!settled) {
    server.advance(500);
    await host.call('ping');  // so that the host is never silent for long
    await Promise.race([promise, sleep(500)]);  // things that are due happen at the server's next tick
  }
  return promise;
}

async function replay(lines) {
  for (const line of lines) {
    const rest = line.slice(2);
    if (line.startsWith('GET ')) {
      const path = line.slice(4).replace('TOKEN', told?.resume.token).replace('EPOCH', told?.epoch);
      client = new Client(`ws://127.0.0.1:${server.port}${path}`, {});
    } else if (line.startsWith('> ')) {
      client.send(rest);
    } else if (line.startsWith('< ')) {
      const message = await (withTime.test(rest) ? passingTime(client.next()) : client.next());
      if (message.type === 'connected') told = message;
      assert.equal(comparable(message), comparable(JSON.parse(rest)));
    } else if (line.startsWith('* ')) {
      assert.equal((await host.call('host', {line: rest})).type, 'command_response', line);
    } else if (line === 'x') {
      client.socket.terminate();
      await within(client.closed, 'the end');
    } else if (line.startsWith('x ')) {
      const {code, reason} = await within(client.closed, 'the close');
      assert.equal(`${code} ${reason}`.trim(), rest);
    } else {
      assert.fail(`what is this? ${line}`);
    }
  }
}

const exchanges = read_exchanges(page);
assert.ok(exchanges.length > 5);

await run([['docs/protocol.md: every exchange is what the server says', async () => {
  server = await Program.start(join(helpers, 'e2e_protocol'));
  host = await Client.connect(server, 'host');
  for (const [title, lines] of exchanges) {
    try {
      await replay(lines);
    } catch (error) {
      error.stack = `under "${title}": ${error.stack}`;
      throw error;
    }
  }
  assert.deepEqual(await server.stop(), {code: 0, signal: null});
}]]);
