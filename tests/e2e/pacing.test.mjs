// The output of a process at full speed reaches all clients that read, whole, and does not wait for those that stall.
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {WebSocket} from 'ws';
import {Program, examples, within} from './programs.mjs';

const megabytes = Number(process.env.HOTLINE_MEGABYTES ?? 100);
const width = 999;  // and a newline

// The dashboard waits five seconds for a client that is behind. One that reads later than this is not prompt, so a gap
// proves nothing then.
const promptMs = 4_000;

test(`${megabytes} MB of output reach a prompt client without a gap, beside one that has stalled`, async (t) => {
  // On a machine that is too slow for so much it is less, in the end less than can be behind.
  for (let tried = megabytes;; tried /= 2) if (await flood(t, Math.ceil(tried))) return;
});

/** Whether the prompt client was prompt, and so has received all. */
async function flood(t, megabytes) {
  const count = megabytes * 1000;
  const home = mkdtempSync(join(tmpdir(), 'hotline-pacing-'));
  execFileSync('git', ['init', '-q', home]);
  const awk = ['awk', `BEGIN { pad = sprintf("%${width - 7}s", ""); gsub(/ /, "x", pad);
    for (i = 1; i <= ${count}; ++i) printf "%06d %s\\n", i, pad }`];
  writeFileSync(join(home, 'tasks.json'), JSON.stringify({flood: awk}));
  const program = await Program.start(join(examples, 'dashboard'), '--repo', home, '--tasks', join(home, 'tasks.json'));
  t.after(async () => {
    await program.stop();
    rmSync(home, {recursive: true, force: true});
  });
  const url = `ws://127.0.0.1:${program.port}/ws/main`;

  const stalled = new WebSocket(url, {perMessageDeflate: false});
  await new Promise((resolve) => stalled.once('message', resolve));
  stalled.pause();

  const began = performance.now();
  let next = 1, late = 0;
  const heardAll = await within(new Promise((resolve, reject) => {
    const prompt = new WebSocket(url, {perMessageDeflate: false});
    prompt.on('error', reject);
    const fail = (error) => late > promptMs ? resolve(false) : reject(error);
    prompt.on('close', (code) => fail(new Error(`closed with ${code}`)));
    prompt.on('message', (data) => {
      const message = JSON.parse(data);
      late = Math.max(late, Date.now() - 1000 * message.timestamp);
      if (message.type === 'connected') prompt.send(JSON.stringify({command: 'start_task', payload: {task: 'flood'}}));
      if (message.type === 'gap') fail(new Error(`a gap behind line ${next - 1}, at most ${late} ms late: ${data}`));
      if (message.event_type === 'task_completed') {
        resolve(true);
        prompt.terminate();
      }
      if (message.event_type !== 'agent_output') return;
      if (message.line.length !== width || Number(message.line.slice(0, 6)) !== next)
        fail(new Error(`line ${next} is ${message.line.slice(0, 20)}`));
      ++next;
    });
  }), 'the end of the task');
  if (heardAll) assert.equal(next, count + 1);
  const seconds = (performance.now() - began) / 1000;
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${program.process.pid}/status`, 'utf8'))[1]) / 1024;
  t.diagnostic(`${megabytes} MB ${heardAll ? 'in' : 'too slow after'} ${seconds.toFixed(1)} s, ` +
    `${Math.round(megabytes / seconds)} MB/s; the server held ${Math.round(peak)} MiB at most`);
  stalled.terminate();
  await program.stop();
  return heardAll;
}
