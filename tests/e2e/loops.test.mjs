// Every program of examples/loops that is built here, each in the loop of another library: the same clients, and the same end.
//
//   node tests/e2e/loops.test.mjs [BUILD_DIRECTORY]
import {strict as assert} from 'node:assert';
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Client, Program, examples, run, within} from './programs.mjs';

const folder = join(examples, 'loops');
const sources = readdirSync(fileURLToPath(new URL('../../examples/loops', import.meta.url)))
  .filter((name) => name.endsWith('.cpp')).map((name) => name.slice(0, -'.cpp'.length)).sort();
const built = sources.filter((name) => existsSync(join(folder, name)));
for (const name of sources.filter((each) => !built.includes(each))) console.log(`# not built here: loops/${name}`);
for (const name of ['epoll', 'frame_loop', 'strand']) assert.ok(built.includes(name), `${name} needs no library`);

const start = (name) => Program.start(join(folder, name));

async function stops_cleanly(program, ...clients) {
  const ended = program.stop();
  for (const client of clients) {
    const told = await client.next((m) => m.type === 'disconnected');
    assert.deepEqual([told.code, told.reconnect], [1001, true]);
    assert.equal((await within(client.closed, 'the close')).code, 1001);
  }
  assert.deepEqual(await ended, {code: 0, signal: null});
  assert.equal(program.errors, '');
}

const tests = (name) => [
  [`${name}: a command is answered; events come from a handler, from the loop and from another thread`, async () => {
    const program = await start(name);
    const client = await Client.connect(program, 'demo');
    const other = await Client.connect(program, 'demo');
    assert.equal((await client.call('say', {text: 'hello'})).type, 'command_response');
    assert.equal((await other.event('said')).text, 'hello');
    assert.equal((await client.call('nonsense')).error.code, 'unknown_command');
    for (let turn = 0; turn < 20; ++turn) {
      client.send({command: 'now', id: `now ${turn}`});
      assert.ok((await other.event('tick')).t_ns > 0);
      // Nothing else happens now: the event alone must wake the loop.
      client.send({command: 'tick', id: `tick ${turn}`});
      assert.ok((await other.event('tick')).t_ns > 0);
      client.send({command: 'measure', id: `measure ${turn}`});
      assert.equal((await other.event('measured')).value, 42);
      assert.equal((await client.next((m) => m.id === `measure ${turn}`)).type, 'command_response');
    }
    assert.equal((await fetch(program.url)).status, 200);
    await stops_cleanly(program, client, other);
  }],

  [`${name}: 200 clients at once`, async () => {
    const program = await start(name);
    const clients = await Promise.all(Array.from({length: 200}, (_, n) =>
      Client.connect(program, 'demo', {localAddress: `127.0.0.${2 + n % 10}`})));
    for (const [n, client] of clients.entries()) client.send({command: 'say', id: 'said', payload: {text: `${n}`}});
    const said = await Promise.all(clients.map(async (client) => {
      const texts = [];
      for (let answered = false; !answered || texts.length < clients.length;) {
        const message = await client.next((m) => m.id === 'said' || m.type === 'event');
        if (message.type === 'event') texts.push(message.text);
        else answered = message.type === 'command_response';
      }
      return texts;
    }));
    for (const texts of said) assert.deepEqual(texts, said[0]);  // everybody has them all, in one order
    assert.equal(new Set(said[0]).size, clients.length);
    await stops_cleanly(program, ...clients);
  }],

  [`${name}: a client that does not read costs the others nothing, and receives the gap`, async () => {
    const program = await start(name);
    const host = await Client.connect(program, 'demo');
    const lively = await Client.connect(program, 'demo');
    const slow = await Client.connect(program, 'demo');
    slow.socket.pause();
    let last = 0;
    for (let round = 0; round < 8; ++round) {  // 32 MiB: more than the log and the system keep for it
      const {result} = await host.call('load', {count: 64});
      while (last < result.seq) {
        const event = await lively.event('loaded');
        assert.equal(event.seq, last + 1);
        last = event.seq;
      }
    }
    slow.socket.resume();
    let seen = 0, gaps = 0;
    while (seen < last) {
      const message = await slow.next((m) => m.type === 'event' || m.type === 'gap');
      assert.equal(message.from ?? message.seq, seen + 1);
      seen = message.to ?? message.seq;
      if (message.type === 'gap') ++gaps;
    }
    assert.ok(gaps > 0);
    await stops_cleanly(program, host, lively, slow);
  }],

  [`${name}: it ends at once where there are no clients`, async () => stops_cleanly(await start(name))],
];

const of_coroutines = [
  ['coroutines: a coroutine answers, and ends where its client cancels or leaves it', async () => {
    const program = await start('coroutines');
    const client = await Client.connect(program, 'demo');
    client.send({command: 'countdown', id: 1});
    assert.equal((await client.next((m) => m.type === 'command_progress')).progress.left, 200);
    assert.deepEqual((await client.call('cancel', {id: 1})).result, {cancelled: true});
    assert.equal((await client.next((m) => m.id === 1 && m.type !== 'command_progress')).error.code, 'cancelled');
    assert.equal((await client.call('say', {})).error.code, 'no_text');
    client.send({command: 'countdown', id: 2});
    await client.next((m) => m.id === 2);
    await stops_cleanly(program, client);  // which does not wait for the countdown
  }],
];

await run([...built.flatMap(tests), ...built.includes('coroutines') ? of_coroutines : []]);
