// Sessions that survive their sockets: what a real process prints reaches a client whose connection is cut again and
// again, a crowd that is dropped at once, and clients of a server that died.
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {WebSocket} from 'ws';
import {Program, examples, within} from './programs.mjs';
import {Server} from './harness.mjs';

/** As little as a client needs to come back: no timers, no retries. Keeps the messages that it received in `told`. */
class Traveller {
  at = 0;
  gaps = [];
  cuts = 0;

  constructor(url, {heard = () => {}, told = () => {}, query = ''} = {}) {
    Object.assign(this, {url, heard, told, query});
  }

  /** Resolves with `connected`. */
  connect() {
    const resume = this.token && `?resume=${this.token}&epoch=${this.epoch}&after=${this.at}${this.query}`;
    const socket = (this.socket = new WebSocket(this.url + (resume ?? ''), {perMessageDeflate: false}));
    return within(new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => this.closed?.());
      socket.on('message', (data) => {
        if (socket !== this.socket) return;
        const message = JSON.parse(data);
        if (message.type === 'connected') {
          this.token = message.resume?.token;
          this.epoch = message.epoch;
          this.session ??= message.connection_id;
          if (!message.resumed) this.at = message.seq;
          resolve(message);
        } else if (message.type === 'gap') {
          this.gaps.push(message);
        } else if (message.type === 'event') {
          assert.equal(message.seq, this.at + 1, 'events come once and in order');
          this.at = message.seq;
          this.heard(message);
        } else {
          this.told(message);
        }
      });
    }), 'connected');
  }

  /** The socket is gone, without a word. */
  cut() {
    ++this.cuts;
    const {socket} = this;
    this.socket = undefined;
    socket.on('error', () => {});
    socket.terminate();
  }
}

// Prints its lines as a build does: much, then a breath.
const chatter = (lines) => ['node', '-e', `
  let i = 0;
  const print = () => {
    let text = '';
    for (let n = 0; n < 100 && i < ${lines}; ++n) text += 'line ' + ++i + '\\n';
    process.stdout.write(text);
    if (i < ${lines}) setTimeout(print, 4);
  };
  print();`];

async function dashboard(t, tasks) {
  const home = mkdtempSync(join(tmpdir(), 'hotline-resume-'));
  execFileSync('git', ['init', '-q', home]);
  writeFileSync(join(home, 'tasks.json'), JSON.stringify(tasks));
  const program = await Program.start(join(examples, 'dashboard'), '--repo', home, '--tasks', join(home, 'tasks.json'));
  t.after(async () => {
    await program.stop();
    rmSync(home, {recursive: true, force: true});
  });
  return program;
}

test('16,000 lines of a process reach a client that is cut a hundred times: each once, in order', async (t) => {
  const count = 16_000;  // less than the log holds: a client that is slow to come back has missed nothing for good
  const program = await dashboard(t, {chatter: chatter(count)});
  const lines = [];
  let sinceCut = 0;
  let finished;
  const done = new Promise((resolve) => (finished = resolve));
  const client = new Traveller(`ws://127.0.0.1:${program.port}/ws/main`, {
    heard(event) {
      if (event.event_type === 'task_completed') return finished();
      if (event.event_type !== 'agent_output') return;
      lines.push(event.line);
      if (++sinceCut < 150) return;
      sinceCut = 0;
      client.cut();
      client.connect().then((hello) => {
        assert.equal(hello.resumed, true, hello.reason);
        assert.equal(hello.connection_id, client.session);
      }).catch((error) => finished(Promise.reject(error)));
    },
  });
  await client.connect();
  client.socket.send(JSON.stringify({command: 'start_task', id: 1, payload: {task: 'chatter'}}));
  await within(done, 'the task to end');
  client.cut();
  assert.ok(client.cuts > 100, `${client.cuts} cuts`);
  assert.deepEqual(client.gaps, []);
  assert.equal(lines.length, count);
  lines.forEach((line, i) => assert.equal(line, `line ${i + 1}`));
  t.diagnostic(`${client.cuts} cuts`);
});

test('a crowd that is dropped at once comes back at once, and has lost nothing', async (t) => {
  const crowd = Number(process.env.HOTLINE_CROWD ?? 500);
  const missed = 100;
  const server = await Server.start(t);
  const source = await server.connect('p');
  const clients = Array.from({length: crowd}, () => new Traveller(server.url('p')));
  const inLots = async (size, what) => {
    for (let i = 0; i < crowd; i += size) await Promise.all(clients.slice(i, i + size).map(what));
  };
  await inLots(250, (client) => client.connect());
  const before = server.rss();
  const gone = clients.map((client) => {
    const closed = new Promise((resolve) => (client.closed = resolve));
    client.cut();
    return closed;
  });
  await Promise.all(gone);
  await source.result('emit', {type: 'missed', count: missed, pad: 150});
  const began = performance.now();
  const complete = clients.map((client) => new Promise((resolve) => {
    client.heard = () => client.at === clients.end && resolve();
  }));
  clients.end = source.hello.seq + missed;
  // Half of them wait in the listener's queue while the others are served: that is what a storm is.
  await inLots(500, async (client) => {
    const hello = await client.connect();
    assert.equal(hello.resumed, true, hello.reason);
  });
  await within(Promise.all(complete), 'everybody to catch up');
  const took = performance.now() - began;
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) / 1024;
  assert.ok(clients.every((client) => client.gaps.length === 0));
  t.diagnostic(`${crowd} clients, ${missed} events each: ${Math.round(took)} ms; the server held ` +
    `${Math.round(before / 1048576)} MiB before, ${Math.round(peak)} MiB at most`);
  for (const client of clients) client.socket.terminate();
});

test('after a server was killed, every client learns that the epoch has changed', async (t) => {
  const first = await Server.start(t);
  const clients = Array.from({length: 20}, () => new Traveller(first.url('p')));
  for (const client of clients) await client.connect();
  const source = await first.connect('p');
  await source.result('emit', {type: 'before', count: 10});
  await Promise.all([...clients.map((client) => within(new Promise((resolve) => {
    client.closed = resolve;
  }), 'the end')), first.kill()]);
  const second = await Server.start(t);
  const sessions = new Set(clients.map((client) => client.session));
  for (const client of clients) {
    client.url = second.url('p');
    const hello = await client.connect();
    assert.equal(hello.resumed, false);
    assert.equal(hello.reason, 'epoch_changed');
    assert.ok(!sessions.has(hello.connection_id));
  }
  const heard = clients.map((client) => new Promise((resolve) => (client.heard = resolve)));
  const again = await second.connect('p');
  await again.result('emit', {type: 'after'});
  for (const event of await within(Promise.all(heard), 'the event')) assert.equal(event.event_type, 'after');
  for (const client of clients) client.socket.terminate();
});
