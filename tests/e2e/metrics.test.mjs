// The dashboard's metrics, as Prometheus reads them: its own tool checks the page, where it is installed (`.ci/run` does), and
// the page must tell what clients did.
import {strict as assert} from 'node:assert';
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {test} from 'node:test';
import {WebSocket} from 'ws';
import {Program, examples, within} from './programs.mjs';

const closed = (socket) => within(new Promise((resolve) => socket.once('close', (code) => resolve(code))), 'the close');
const opened = (socket) => within(new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)),
  'the connection');

async function numbers(page) {
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

test('metrics are a page that Prometheus reads, and tell what happened', async (t) => {
  const program = await Program.start(join(examples, 'dashboard'), '--repo', process.env.HOTLINE_SOURCE ?? '.');
  const at = `127.0.0.1:${program.port}`;
  const read = async () => {
    const answer = await fetch(`http://${at}/metrics`);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    return answer.text();
  };
  try {
    const good = new WebSocket(`ws://${at}/ws/main`);
    await opened(good);
    const bad = new WebSocket(`ws://${at}/ws/main`);
    await opened(bad);
    const code = closed(bad);
    bad.send(Buffer.from('binary'));
    assert.equal(await code, 1003);
    assert.equal((await fetch(`http://${at}/nowhere`)).status, 404);

    const page = await read();
    const checked = spawnSync('promtool', ['check', 'metrics'], {input: page, encoding: 'utf8'});
    if (checked.error?.code === 'ENOENT') {
      t.diagnostic('not checked by promtool, which is not here (Debian: prometheus)');
    } else {
      assert.equal(checked.stdout + checked.stderr, '');
      assert.equal(checked.status, 0);
    }

    const told = await numbers(page);
    assert.equal(told.hotline_connections, 1);
    assert.equal(told.hotline_new_sessions_total, 2);
    assert.equal(told['hotline_disconnections_total{code="1003"}'], 1);
    assert.equal(told['hotline_http_answers_total{status="404"}'], 1);
    assert.ok(told['hotline_fan_out_seconds_count'] > 0);
    good.terminate();
  } finally {
    await program.stop();
  }
});
