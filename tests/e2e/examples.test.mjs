// Every numbered example, used as its first lines tell a reader to.
//
//   node tests/e2e/examples.test.mjs [BUILD_DIRECTORY]
import {strict as assert} from 'node:assert';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {connect as dial, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {WebSocket} from 'ws';
import {connect} from '../../include/hotline/browser/hotline.js';
import {launchBrowser} from './browser.mjs';
import {Client, Program, examples, run, within, withEnoughTime} from './programs.mjs';

const start = (name, ...args) => Program.start(join(examples, name), ...args);

async function stops_cleanly(program, ...clients) {
  const ended = program.stop();
  for (const client of clients) {
    const told = await client.next((m) => m.type === 'disconnected');
    assert.equal(told.code, 1001);
    assert.equal(told.reconnect, true);
    assert.equal((await within(client.closed, 'the close')).code, 1001);
  }
  assert.deepEqual(await ended, {code: 0, signal: null});
  assert.equal(program.errors, '');
}

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'hotline-examples-')));
process.on('exit', () => rmSync(scratch, {recursive: true, force: true}));
process.env.GIT_CEILING_DIRECTORIES = scratch;  // the system's folder for such files could lie in a repository

// A program that is not expected to serve: how it ended, and what it printed.
async function told_by(name, ...args) {
  const program = spawn(resolve(examples, name), args, {stdio: ['ignore', 'pipe', 'pipe'], cwd: scratch});
  const told = {out: '', err: ''};
  program.stdout.on('data', (text) => told.out += text);
  program.stderr.on('data', (text) => told.err += text);
  try {
    [told.code] = await within(once(program, 'close'), `${name} ${args.join(' ')} to end`);
  } finally {
    program.kill('SIGKILL');
  }
  return told;
}

const one_sentence = /^[^\n]+\n$/;

// A certificate for 09_tls.
function certificate() {
  const files = {certificate: join(scratch, 'chain.pem'), key: join(scratch, 'key.pem')};
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-keyout', files.key, '-out', files.certificate], {stdio: 'ignore'});
  return ['--certificate', files.certificate, '--key', files.key];
}

// Each example's page: what shows that it is live, and what it does when it is used.
const shows = (page, selector, pattern) => page.waitForFunction(([at, source]) =>
  new RegExp(source).test(document.querySelector(at)?.textContent ?? ''), [selector, pattern.source]);
const changes = async (page, selector) => {
  const before = await page.textContent(selector);
  await page.waitForFunction(([at, text]) => document.querySelector(at).textContent !== text, [selector, before]);
};
const says = async (page, text) => {
  await page.fill('input', text);
  await page.keyboard.press('Enter');
};
const markup = '<img src=x onerror=document.title=1>';
const pages = {
  '01_quickstart': async (page, other) => {
    await says(page, markup);
    for (const each of [page, other]) await shows(each, '#said', /^<img src=x onerror=document\.title=1>$/);
    await says(other, 'two');
    for (const each of [page, other]) await shows(each, '#said', />two$/);
    await page.reload();
    await shows(page, '#said', />two$/);
  },
  '02_host_io_context': async (page) => {
    await shows(page, '#beat', /^\d+$/);
    await changes(page, '#beat');
  },
  '03_polling_loop': async (page) => {
    await shows(page, '#x', /^-?\d+\.\d\d$/);
    await changes(page, '#x');
    await page.click('#right');
  },
  '04_own_thread': async (page) => {
    await shows(page, '#left', /^\d+$/);
    await shows(page, '#right', /^\d+$/);
    await page.fill('#below', '100');
    await page.click('#count');
    await shows(page, '#primes', /^25$/);
    await page.fill('#below', '4000000000');
    await page.click('#count');
    await shows(page, '#primes', /^counting$/);
    await page.click('#cancel');
    await shows(page, '#primes', /^cancelled$/);
  },
  '05_custom_heartbeat': async (page) => {
    await shows(page, '#interval', /^1$/);
    await shows(page, '#timeout', /^2$/);
    await page.waitForFunction(() => document.querySelectorAll('#connections li').length === 2);
    await shows(page, '#connections', /heard \d+\.\d s ago/);
  },
  '06_adopt_upgrades': async (page, other) => {
    await shows(page, '#seen', /came \S+/);
    await other.close();
    await shows(page, '#seen', /went \S+/);
  },
  '07_two_loops': async (page, other) => {
    await says(page, markup);
    for (const each of [page, other])
      await shows(each, '#said', /^<img src=x onerror=document\.title=1> \(said on loop [01]\)$/);
  },
  '08_typed_commands': async (page, other) => {
    await page.fill('#to', '3');
    await page.click('#count');
    await shows(page, '#counted', /^\{"counted":3\}$/);
    await shows(other, '#event', /^counted to 3$/);
    await page.fill('#to', '1000');
    await page.click('#count');
    await page.waitForFunction(() => document.querySelector('#done').max === 1000);
    await page.click('#cancel');
    await shows(page, '#counted', /^cancelled: by you$/);
    await page.click('#add');
    await shows(page, '#sum', /^\{"sum":3\.5,"terms":2\}$/);
    await page.fill('#terms', '1, two');
    await page.click('#add');
    await shows(page, '#sum', /^invalid_payload: terms\[1\]: expected number$/);
  },
  '09_tls': async (page, other) => {
    await says(page, markup);
    for (const each of [page, other]) await shows(each, '#said', /^<img src=x onerror=document\.title=1>$/);
  },
  '10_authentication': async (page, other) => {
    for (const each of [page, other]) await shows(each, '#log', /hello, bob/);
    await shows(page, '#log', /"came":"bob"/);
  },
  '12_hand_over': (page) => shows(page, '#process', /^\d+$/),
};

const is_consecutive = (numbers, step = 1) => numbers.every((n, i) => i === 0 || n === numbers[i - 1] + step);

await run([
  ['each numbered example shows something live at its address, and no error on the console', async () => {
    const browser = await launchBrowser();
    try {
      for (const [name, use] of Object.entries(pages)) {
        const program = await start(name, ...(name === '09_tls' ? certificate() : []));
        const context = await browser.newContext({ignoreHTTPSErrors: true});
        const errors = [];
        const open = async () => {
          const page = await context.newPage();
          page.on('pageerror', (error) => errors.push(error.message));
          page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
          page.on('response', (response) => response.status() >= 400 && errors.push(`${response.status()} ${response.url()}`));
          assert.equal((await page.goto(program.url)).status(), 200, name);
          if (name !== '10_authentication') await shows(page, '#state', /^live/);
          return page;
        };
        const page = await open();
        await use(page, await open());
        assert.equal(await page.title() === '1', false, `${name}: markup was taken for markup`);
        assert.deepEqual(errors, [], name);
        await context.close();
        await program.stop();
      }
    } finally {
      await browser.close();
    }
  }],

  ['each example says in a sentence what is wrong with its port, and which program has it', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    for (const name of [...Object.keys(pages), 'dashboard']) {
      const more = name === '09_tls' ? certificate() : [];
      for (const bad of [['--port', 'x'], ['--port', '70000'], ['--port', '-1'], ['--port', '80x'], ['--port', ''], ['--port'],
        ['--prot', '1'], ['stray']]) {
        const told = await told_by(name, ...more, ...bad);
        assert.deepEqual([told.code, told.out], [2, ''], `${name} ${bad}`);
        assert.match(told.err, one_sentence, `${name} ${bad}`);
        assert.match(told.err, /--port|--repo/, `${name} ${bad}`);
      }
      const told = await told_by(name, ...more, '--port', `${taken.address().port}`);
      assert.deepEqual([told.code, told.out], [1, ''], name);
      assert.match(told.err, one_sentence, name);
      assert.match(told.err, /(in use|is taken).*--port N/, name);
    }
    taken.close();
  }],

  ['09_tls without a certificate says which files it looked for', async () => {
    const told = await told_by('09_tls', '--certificate', 'no-chain.pem', '--key', 'no-key.pem', '--port', '0');
    assert.deepEqual([told.code, told.out], [1, '']);
    assert.match(told.err, /^cannot load no-chain\.pem and no-key\.pem: [^\n]+\n$/);
  }],

  ['dashboard: what is wrong with an argument is one sentence, and --help tells all of them', async () => {
    const help = await told_by('dashboard', '--help');
    assert.deepEqual([help.code, help.err], [0, '']);
    for (const argument of ['--port N', '--repo DIR', '--tasks FILE', '-h, --help']) assert.ok(help.out.includes(argument));
    assert.deepEqual(await told_by('dashboard', '-h'), help);
    const file = join(scratch, 'bad.json');
    writeFileSync(file, '{\n  "build": {"argv": "make"}\n}\n');
    for (const [args, expected] of [
      [['--port', '70000'], 'dashboard: --port 70000: expected a number from 0 to 65535 (0: any free port)\n'],
      [['--prot', '1'], 'dashboard: unknown argument --prot; did you mean --port?\n'],
      [['--repo', '/nowhere'], 'dashboard: --repo /nowhere: there is no such folder\n'],
      [['--repo', file], `dashboard: --repo ${file}: expected a folder, and this is not one\n`],
      [['--tasks', scratch], `${scratch}: is a folder; expected a file of tasks\n`],
      [['--tasks', file], `${file}:2:21: build.argv: expected array of strings\n`],
      [['--tasks', '/dev/zero'], '/dev/zero: is over 1 MiB, the most that a tasks file may have\n'],
    ]) assert.deepEqual(await told_by('dashboard', ...args), {out: '', err: expected, code: 2});
  }],

  ['dashboard: a folder that is no repository is shown without git, and says so', async () => {
    const folder = join(scratch, 'plain');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{}');
    const program = await start('dashboard', '--repo', folder);
    assert.deepEqual(program.lines, [`showing ${folder}, which is no git repository: ` +
      'the tasks log, status, diff and files and the branches are not there', `listening on ${program.url}`]);
    const client = await Client.connect(program, 'main');
    const list = (await client.call('list_tasks')).result;
    assert.deepEqual([list.folder, list.repository], [folder, false]);
    assert.deepEqual(list.tasks.map(({name}) => name), ['test', 'count']);
    assert.deepEqual(list.tasks[1].signals, {halfway: '15 of 30'});
    for (const [command, payload] of [['list_branches'], ['create_branch', {name: 'x'}]])
      assert.deepEqual((await client.call(command, payload)).error,
        {code: 'no_repository', message: 'the folder is in no git repository', retryable: false});
    await stops_cleanly(program, client);
  }],

  ['dashboard: a repository is shown with its branch, and a folder in it with the repository', async () => {
    const top = join(scratch, 'repository'), below = join(top, 'below');
    execFileSync('git', ['init', '-q', '-b', 'trunk', top]);
    mkdirSync(below);
    const first = await start('dashboard', '--repo', top);
    assert.deepEqual(first.lines[0], `showing ${top} (branch trunk, no commit yet)`);
    await first.stop();
    execFileSync('git', ['-C', top, '-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-q', '--allow-empty',
      '-m', 'first']);
    const program = await start('dashboard', '--repo', '/', '--repo', below);
    assert.deepEqual(program.lines[0], `showing ${below}, a folder of the repository ${top} (branch trunk)`);
    const client = await Client.connect(program, 'main');
    const list = (await client.call('list_tasks')).result;
    assert.deepEqual([list.folder, list.repository], [below, true]);
    assert.deepEqual((await client.call('list_branches')).result.current, 'trunk');
    await stops_cleanly(program, client);
  }],

  ['dashboard: a line with a text that is watched for is followed by its signals, at the gate too', async () => {
    const file = join(scratch, 'signals.json');
    writeFileSync(file, JSON.stringify({
      build: {argv: ['sh', '-c', 'echo start; echo "warning: warning: Error"; echo end'], gate: 'lint',
        signals: {warning: 'warning:', failure: 'Error', never: 'Password:'}},
      lint: {argv: ['sh', '-c', 'echo "warning: style"'], signals: {style: 'style'}},
    }));
    const program = await start('dashboard', '--tasks', file);
    const client = await Client.connect(program, 'main');
    const {task_id} = (await client.call('start_task', {task: 'build'})).result;
    const seen = [];
    for (let event; event?.event_type !== 'gate_passed';) {
      event = await client.next((m) => ['agent_output', 'signal_detected', 'gate_passed'].includes(m.event_type));
      assert.equal(event.task_id, task_id);
      seen.push([event.event_type, event.signal, event.line, event.gate]);
    }
    assert.deepEqual(seen, [
      ['agent_output', undefined, 'start', undefined],
      ['agent_output', undefined, 'warning: warning: Error', undefined],
      ['signal_detected', 'warning', 'warning: warning: Error', undefined],
      ['signal_detected', 'failure', 'warning: warning: Error', undefined],
      ['agent_output', undefined, 'end', undefined],
      ['agent_output', undefined, 'warning: style', 'lint'],
      ['signal_detected', 'warning', 'warning: style', 'lint'],
      ['signal_detected', 'style', 'warning: style', 'lint'],
      ['gate_passed', undefined, undefined, 'lint'],
    ]);
    await stops_cleanly(program, client);
  }],

  ['01_quickstart: what one says, everybody in the project hears', async () => {
    const program = await start('01_quickstart');
    const speaker = await Client.connect(program, 'demo');
    const listener = await Client.connect(program, 'demo');
    const stranger = await Client.connect(program, 'other');
    assert.deepEqual((await speaker.call('say', {text: 'hello'})).result, {seq: 1});
    const heard = await listener.event('said');
    assert.deepEqual([heard.project_id, heard.seq, heard.text], ['demo', 1, 'hello']);
    await stranger.call('say', {text: 'mine'});
    assert.equal((await stranger.event('said')).text, 'mine');
    assert.equal((await speaker.call('sing')).error.code, 'unknown_command');
    assert.equal((await program.stop()).signal, 'SIGTERM');
  }],

  ['02_host_io_context: the host\'s timer ticks, and SIGTERM ends everything in order', async () => {
    const program = await start('02_host_io_context');
    const client = await Client.connect(program, 'clock');
    await program.line(new RegExp(`^${client.hello.connection_id} has come$`));
    const beats = [(await client.event('tick')).beat, (await client.event('tick')).beat];
    assert.ok(is_consecutive(beats));
    await stops_cleanly(program, client);
    assert.equal(program.lines.at(-1), 'stopped');
    assert.equal(program.lines.at(-2), `${client.hello.connection_id} has gone: going away`);
  }],

  ['03_polling_loop: frames come in order and commands run between them', async () => {
    const program = await start('03_polling_loop');
    const client = await Client.connect(program, 'world');
    const frames = [];
    while (frames.length < 5) frames.push((await client.event('moved')).frame);
    assert.ok(is_consecutive(frames, 6), `${frames}`);
    assert.deepEqual((await client.call('push', {by: -3})).result, {});
    assert.equal((await client.call('push', {})).error.message, 'by: missing');
    await stops_cleanly(program, client);
  }],

  ['04_own_thread: threads emit, a worker answers, and the loop stays free', async () => {
    const program = await start('04_own_thread');
    const client = await Client.connect(program, 'lab');
    const sensors = new Set();
    while (sensors.size < 2) sensors.add((await client.event('measured')).sensor);
    assert.deepEqual((await client.call('count_primes', {below: 100})).result, {primes: 25});
    client.send({command: 'count_primes', id: 'long', payload: {below: 4000000000}});
    await client.event('measured');
    assert.equal((await client.call('ping')).type, 'pong');
    assert.deepEqual((await client.call('cancel', {id: 'long'})).result, {cancelled: true});
    assert.equal((await client.next((m) => m.id === 'long')).error.code, 'cancelled');
    assert.match((await client.call('count_primes', {below: -1})).error.message, /^below: out of range$/);
    client.send({command: 'count_primes', payload: {below: 4000000000}});
    await stops_cleanly(program, client);
  }],

  ['05_custom_heartbeat: who does not answer is dropped with 4000, who does stays', async () => {
    const program = await start('05_custom_heartbeat');
    const late = monitorEventLoopDelay();
    late.enable();
    for (;;) {
      late.reset();
      const lively = await Client.connect(program, 'demo');
      const silent = await Client.connect(program, 'demo', {autoPong: false});
      assert.deepEqual(lively.hello.heartbeat, {interval: 1, timeout: 2});
      const told = await silent.next((m) => m.type === 'disconnected');
      assert.equal(told.code, 4000);
      assert.equal(told.reconnect, true);
      assert.equal((await within(silent.closed, 'the close')).code, 4000);
      assert.equal(silent.pings, 1);
      const end = await Promise.race([lively.pinged(3), lively.closed]);
      if (end !== undefined) {
        // A second is all that the example gives. When we took so long ourselves, this says nothing about it.
        assert.ok(late.max > 0.5e9, `closed with ${end.code} though it answered within ${late.max / 1e9} s`);
        continue;
      }
      const {connections} = (await lively.call('who')).result;
      assert.deepEqual(connections.map((c) => c.connection_id), [lively.hello.connection_id]);
      return stops_cleanly(program, lively);
    }
  }],

  ['05_custom_heartbeat --jittered: the shipped policy does the same', async () => {
    const program = await start('05_custom_heartbeat', '--jittered');
    const client = await Client.connect(program, 'demo');
    assert.deepEqual(client.hello.heartbeat, {interval: 2, timeout: 6});
    await client.pinged(1);
    await stops_cleanly(program, client);
  }],

  ['06_adopt_upgrades: the host answers its own paths and hotline the rest', async () => {
    const program = await start('06_adopt_upgrades');
    const get = async (path) => {
      const response = await fetch(program.url + path);
      return [response.status, await response.text()];
    };
    const [status, page] = await get('/');
    assert.equal(status, 200);
    assert.match(page, /from "\/hotline\.js"/);
    assert.match((await get('/hotline.js'))[1], /export function connect\(/);
    assert.deepEqual(await get('/health'), [200, 'fine\n']);
    assert.equal((await get('/nowhere'))[0], 404);
    assert.equal((await get('/ws/demo'))[0], 426);
    const client = await Client.connect(program, 'demo');
    const newcomer = await Client.connect(program, 'demo');
    assert.equal((await client.next((m) => m.connection_id === newcomer.hello.connection_id)).event_type, 'came');
    newcomer.socket.close();
    assert.equal((await client.event('went')).connection_id, newcomer.hello.connection_id);
    await stops_cleanly(program, client);
  }],

  ['06_adopt_upgrades: what came behind the head in one piece is not lost', async () => {
    const program = await start('06_adopt_upgrades');
    const socket = dial(Number(program.port), '127.0.0.1');
    await within(once(socket, 'connect'), 'the connection');
    const command = Buffer.from('{"command":"ping","id":"early"}');
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | command.length, 0, 0, 0, 0]), command]);  // masked with zeros
    socket.write(Buffer.concat([
      Buffer.from('GET /ws/demo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
                  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'), frame]));
    let received = '';
    const pong = new Promise((resolve) => socket.setEncoding('latin1').on('data', (text) => {
      received += text;
      if (/"type":"pong"[^}]*"id":"early"/.test(received)) resolve();
    }));
    await within(pong, 'the pong');
    socket.destroy();
    await stops_cleanly(program);
  }],

  ['07_two_loops: clients of both loops hear the same events in the same order', async () => {
    const program = await start('07_two_loops');
    const clients = [];
    for (let i = 0; i < 4; ++i) clients.push(await Client.connect(program, 'demo'));
    const loops = new Set();
    const count = 40;
    await Promise.all(clients.map(async (client, i) => {
      for (let n = 0; n < count / clients.length; ++n) client.send({command: 'say', payload: {text: `${i}.${n}`}});
    }));
    const heard = [];
    for (const client of clients) {
      const events = [];
      while (events.length < count) events.push(await client.event('said'));
      for (const event of events) loops.add(event.loop);
      assert.ok(is_consecutive(events.map((e) => e.seq)));
      heard.push(events.map((e) => [e.seq, e.text, e.loop]));
    }
    assert.equal(loops.size, 2);
    for (const other of heard) assert.deepEqual(other, heard[0]);
    await stops_cleanly(program, ...clients);
  }],

  ['08_typed_commands: payloads are checked by field, results are structs', async () => {
    const program = await start('08_typed_commands');
    const client = await Client.connect(program, 'demo');
    assert.deepEqual((await client.call('sum', {terms: [1, 2.5]})).result, {sum: 3.5, terms: 2});
    const wrong = await client.call('sum', {terms: [1, 'two']});
    assert.deepEqual(wrong.error, {code: 'invalid_payload', message: 'terms[1]: expected number', retryable: false});
    assert.equal((await client.call('count', {to: 5000})).error.code, 'out_of_range');
    await stops_cleanly(program, client);
  }],

  ['08_typed_commands: progress comes before the answer, and an id runs once', async () => {
    const program = await start('08_typed_commands');
    const client = await Client.connect(program, 'demo');
    const watcher = await Client.connect(program, 'demo');
    const command = {command: 'count', id: 7, payload: {to: 3, step_ms: 1}};
    client.send(command);
    client.send(command);
    for (const n of [1, 2, 3]) {
      const progress = await client.next();
      assert.equal(progress.type, 'command_progress');
      assert.deepEqual(progress.progress, {n, of: 3});
    }
    const answer = await client.next((m) => m.id === 7);
    assert.deepEqual(answer.result, {counted: 3});
    client.send(command);
    assert.deepEqual(await client.next((m) => m.id === 7), answer);
    assert.equal((await watcher.event('counted')).n, 3);
    await program.line(/^demo: counted to 3$/);
    await client.call('count', {to: 0});
    assert.equal((await watcher.event('counted')).n, 0);  // so nothing was counted a second time
    await stops_cleanly(program, client, watcher);
  }],

  ['08_typed_commands: a command is cancelled, and one is forbidden', async () => {
    const program = await start('08_typed_commands');
    const client = await Client.connect(program, 'demo');
    client.send({command: 'count', id: 1, payload: {to: 1000}});
    await client.next((m) => m.type === 'command_progress');
    assert.deepEqual((await client.call('cancel', {id: 1})).result, {cancelled: true});
    assert.equal((await client.next((m) => m.id === 1 && m.type !== 'command_progress')).error.code, 'cancelled');
    const reader = await Client.connect(program, 'readonly');
    assert.equal((await reader.call('count', {to: 1})).error.code, 'forbidden');
    assert.equal((await reader.call('sum', {terms: []})).type, 'command_response');
    await stops_cleanly(program, client, reader);
  }],

  ['10_authentication: who has no token stays outside, and who has one hears what it may', async () => {
    const program = await start('10_authentication', '--lifetime', '3600');
    const token = async (name) => (await fetch(`${program.url}/token?name=${name}`)).text();
    const status = (target, headers = {}) => within(new Promise((resolve) => {
      const {socket} = new Client(`ws://127.0.0.1:${program.port}${target}`, {headers});
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
      socket.on('open', () => { socket.close(); resolve(101); });
    }), target);
    assert.equal(await status('/ws/demo'), 401);
    assert.equal(await status('/ws/demo?token=guessed'), 401);
    assert.equal(await status('/ws/demo', {Authorization: `Bearer ${await token('carol')}`}), 101);
    assert.equal(await status('/ws/demo', {Cookie: `a=b; token=${await token('carol')}`}), 101);
    assert.equal(await status(`/ws/demo?token=${await token('carol')}`, {Origin: 'https://app.example'}), 101);
    assert.equal(await status(`/ws/demo?token=${await token('carol')}`, {Origin: 'https://evil.example'}), 403);

    const ada = await Client.connect(program, `demo?token=${await token('ada')}`);
    const bob = await Client.connect(program, `demo?token=${await token('bob')}`);
    assert.deepEqual([ada.hello.events, bob.hello.events], [['*'], []]);
    assert.ok(ada.hello.expires_in > 3000 && ada.hello.expires_in <= 3600);
    assert.deepEqual((await bob.call('who_am_i')).result, {name: 'bob'});
    const refused = await bob.call('subscribe', {events: ['door', 'vault']});
    assert.deepEqual(refused.error, {code: 'forbidden', message: "events[1]: the vault is ada's", retryable: false});
    assert.deepEqual((await bob.call('subscribe', {events: ['door']})).result.events, ['door']);
    assert.equal((await bob.call('open_vault')).error.code, 'forbidden');
    await ada.call('open_vault');
    assert.equal((await ada.event('vault')).by, 'ada');

    const renewed = (await ada.call('refresh', {token: await token('ada')})).result;
    assert.ok(renewed.expires_in > 3000);
    assert.equal((await ada.call('refresh', {token: await token('bob')})).error.code, 'forbidden');
    assert.equal((await ada.call('refresh', {token: 'guessed'})).error.code, 'unauthorized');
    await stops_cleanly(program, ada, bob);
  }],

  ['10_authentication: a name and a close reason with line breaks and escapes stay on one line', async () => {
    const program = await start('10_authentication', '--lifetime', '3600');
    const evil = 'eve\r\nroot has gone: by itself\u001b[2J\u009b31m\u2028\u202e';
    const token = await (await fetch(`${program.url}/token?name=${encodeURIComponent(evil)}`)).text();
    const client = await Client.connect(program, `demo?token=${token}`);
    client.socket.close(1000, evil);
    await within(client.closed, 'the close');
    const line = 'eve??root has gone: by itself?[2J??31m??????';
    const [told] = await program.line(/^.*eve.*$/);
    assert.equal(told, `${line} has gone: ${line}`);
    await stops_cleanly(program);
    assert.deepEqual(program.lines.filter((l) => l.startsWith('root')), []);
    for (const l of program.lines) assert.doesNotMatch(l, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
  }],

  ['10_authentication: who does not refresh is closed with 4001, and comes back with a new token',
    () => withEnoughTime({from: 1, upTo: 64}, async (lifetime) => {
    const program = await start('10_authentication', '--lifetime', `${lifetime}`);
    const token = async () => (await fetch(`${program.url}/token?name=ada`)).text();
    const client = await Client.connect(program, `demo?token=${await token()}`);
    const told = await client.next((m) => m.type === 'disconnected');
    assert.deepEqual([told.code, told.reconnect], [4001, true]);
    assert.equal((await within(client.closed, 'the close')).code, 4001);
    await program.line(/^ada has gone: the authentication has expired$/);
    const {resume, epoch} = client.hello;
    const query = `resume=${resume.token}&epoch=${epoch}&after=1&token=${await token()}`;
    const again = await Client.connect(program, `demo?${query}`);
    assert.deepEqual([again.hello.resumed, again.hello.connection_id], [true, client.hello.connection_id]);
    assert.equal((await within(again.closed, 'the end of this one')).code, 4001);
    assert.equal((await program.stop()).code, 0);
  })],

  ['10_authentication: the browser client stays, whatever the time is that it is given',
    () => withEnoughTime({from: 4, upTo: 128}, async (lifetime) => {
    const program = await start('10_authentication', '--lifetime', `${lifetime}`);
    let asked = 0;
    let renewed;
    const longer = new Promise((resolve) => renewed = resolve);  // than two of its tokens hold
    const client = connect(`${program.url}/ws/demo`, {
      WebSocket, events: ['vault'], token: async () => {
        if (++asked === 4) renewed();
        return (await fetch(`${program.url}/token?name=ada`)).text();
      },
    });
    const states = [];
    client.onState(({state}) => states.push(state));
    const heard = new Promise((resolve) => client.on('vault', resolve));
    await within(client.ready(), 'the client');
    await within(longer, 'its fourth token');
    await client.call('open_vault');
    assert.equal((await within(heard, 'the vault')).by, 'ada');
    assert.deepEqual(states, ['live']);
    client.close();
    assert.equal((await program.stop()).code, 0);
  })],

  ['10_authentication: its page, in a browser', () => withEnoughTime({from: 2, upTo: 64}, async (lifetime) => {
    const program = await start('10_authentication', '--lifetime', `${lifetime}`);
    const browser = await launchBrowser();
    try {
      const ada = await browser.newPage(), bob = await browser.newPage();
      const says = (page, text) => page.waitForFunction((t) => document.querySelector('#log')?.textContent.includes(t), text);
      await ada.goto(`${program.url}/?name=ada`);
      await says(ada, 'hello, ada');
      await bob.goto(`${program.url}/?name=bob`);
      await says(bob, 'hello, bob');
      await says(ada, '"came":"bob"');
      const other = await Client.connect(program, `demo?token=${await (await fetch(`${program.url}/token?name=ada`)).text()}`);
      assert.equal((await within(other.closed, 'the end of its token')).code, 4001);  // theirs are renewed by then
      const token = await (await fetch(`${program.url}/token?name=ada`)).text();
      await (await Client.connect(program, `demo?token=${token}`)).call('open_vault');
      await says(ada, '"event_type":"vault"');
      for (const page of [ada, bob]) assert.doesNotMatch(await page.textContent('#log'), /waiting|closed/);
      assert.doesNotMatch(await bob.textContent('#log'), /vault/);
    } finally {
      await browser.close();
    }
    assert.equal((await program.stop()).code, 0);
  })],

  ['11_handler_test: its checks hold, and it says which', async () => {
    const told = await told_by('11_handler_test');
    assert.match(told.out, /^(ok {6}[^\n]+\n){9}$/);
    assert.deepEqual([told.code, told.err], [0, '']);
  }],
]);
