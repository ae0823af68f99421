// examples/01_quickstart.exe, under wine, serves real clients of this machine: asio_transport on Windows, as a host would have it.
//
//   node quickstart.mjs [WINE] PROGRAM
import {strict as assert} from 'node:assert';
import {Client, Program, within} from '../programs.mjs';

const [command, ...rest] = process.argv.slice(2);
const program = new Program(command, [...rest, '--port', '0']);
[, program.port] = await program.line(/^listening on http:\/\/127\.0\.0\.1:(\d+)\r?$/);

process.on('exit', () => Program.running.forEach(({process}) => process.kill('SIGKILL')));

const page = await fetch(`http://127.0.0.1:${program.port}/`);
assert.equal(page.status, 200);
assert.match(await page.text(), /import \{connect\} from "\/hotline.js"/);
console.log('ok: the page');

const [speaker, listener] = [await Client.connect(program, 'demo'), await Client.connect(program, 'demo')];
await listener.call('subscribe', {events: ['said']});
for (let i = 1; i <= 100; ++i) {
  const answer = await speaker.call('say', {text: `line ${i}`});
  assert.equal(answer.type, 'command_response');
  assert.equal(answer.result.seq, i);
  const event = await listener.event('said');
  assert.deepEqual([event.seq, event.text], [i, `line ${i}`]);
}
console.log('ok: 100 commands are answered, and 100 events arrive');

const long = 'x'.repeat(60_000);
const answers = Array.from({length: 50}, () => speaker.call('say', {text: long}));
for (let i = 0; i < answers.length; ++i) assert.equal((await listener.event('said')).text, long);
await Promise.all(answers);
console.log('ok: 3 MB of events pass through sockets that are full');

listener.socket.terminate();
await speaker.call('say', {text: 'meanwhile'});
const {resume, epoch} = listener.hello;
const again = await Client.connect(program, `demo?resume=${resume.token}&epoch=${epoch}&after=150`);
assert.equal(again.hello.resumed, true);
assert.equal((await again.event('said')).text, 'meanwhile');
console.log('ok: a client that was cut off comes back to its session');

const crowd = await Promise.all(Array.from({length: 100}, () => Client.connect(program, 'crowd')));
for (const client of crowd) client.socket.close(1000);
for (const client of crowd) assert.equal((await within(client.closed, 'a close')).code, 1000);
console.log('ok: 100 clients come and close in good order');

await program.stop();
process.exit(0);
