// What a process prints at full speed reaches everybody who reads, whole, and does not wait for who stalls.
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {WebSocket} from 'ws';
import {Program, examples} from './programs.mjs';

const megabytes = Number(process.env.HOTLINE_MEGABYTES ?? 100);
const width = 999;  // and a newline
const count = megabytes * 1000;

test(`${megabytes} MB of output reach a prompt client without a gap, beside one that has stalled`, async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'hotline-pacing-'));
  execFileSync('git', ['init', '-q', home]);
  const flood = ['awk', `BEGIN { pad = sprintf("%${width - 7}s", ""); gsub(/ /, "x", pad);
    for (i = 1; i <= ${count}; ++i) printf "%06d %s\\n", i, pad }`];
  writeFileSync(join(home, 'tasks.json'), JSON.stringify({flood}));
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
  let next = 1;
  await new Promise((resolve, reject) => {
    const prompt = new WebSocket(url, {perMessageDeflate: false});
    prompt.on('error', reject);
    prompt.on('close', (code) => reject(new Error(`closed with ${code}`)));
    prompt.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.type === 'connected') prompt.send(JSON.stringify({command: 'start_task', payload: {task: 'flood'}}));
      if (message.type === 'gap') reject(new Error(`a gap behind line ${next - 1}: ${data}`));
      if (message.event_type === 'task_completed') {
        prompt.terminate();
        resolve();
      }
      if (message.event_type !== 'agent_output') return;
      if (message.line.length !== width || Number(message.line.slice(0, 6)) !== next)
        reject(new Error(`line ${next} is ${message.line.slice(0, 20)}`));
      ++next;
    });
  });
  assert.equal(next, count + 1);
  const seconds = (performance.now() - began) / 1000;
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${program.process.pid}/status`, 'utf8'))[1]) / 1024;
  t.diagnostic(`${seconds.toFixed(1)} s, ${Math.round(megabytes / seconds)} MB/s; the server held ${Math.round(peak)} MiB at most`);
  stalled.terminate();
});
