// The dashboard as a person uses it: Chromium drives its page, on a repository made for the purpose.
//
//   node tests/e2e/dashboard.test.mjs [BUILD_DIRECTORY]
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {chromium} from 'playwright-core';
import {WebSocket} from 'ws';
import {Client, Program, examples, run} from './programs.mjs';
import {Proxy} from './proxy.mjs';

const browser = await chromium.launch({
  executablePath: process.env.HOTLINE_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const shell = (script) => ['sh', '-c', script];
const tasks = {
  hello: shell('echo hello; echo oops >&2; echo bye'),
  forever: shell('trap "" HUP; i=0; while :; do echo "line $i"; i=$((i+1)); sleep 0.05; done'),
  count: shell('i=0; while [ $i -lt 20000 ]; do echo "$i"; i=$((i+1)); [ $((i % 200)) = 0 ] && sleep 0.05; done'),
  sleeper: shell('echo $$; exec sleep 600'),
  build: {argv: shell('echo building'), gate: 'lint'},
  lint: shell('echo linting'),
  broken: {argv: shell('echo building'), gate: 'fails'},
  fails: shell('exit 3'),
  missing: ['/no/such/program'],
  markup: shell('echo "<img src=x onerror=document.title=1>"'),
};

const git = (directory, ...args) => execFileSync('git', ['-C', directory, ...args], {encoding: 'utf8'}).trim();

// A repository, a dashboard of it, and a page that is live.
async function opened(test) {
  const home = mkdtempSync(join(tmpdir(), 'hotline-dashboard-'));
  const repository = join(home, 'repository');
  execFileSync('git', ['init', '-q', '-b', 'main', repository]);
  git(repository, '-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-q', '--allow-empty', '-m', 'first');
  writeFileSync(join(home, 'tasks.json'), JSON.stringify(tasks));
  const serve = () => Program.start(join(examples, 'dashboard'), '--repo', repository, '--tasks', join(home, 'tasks.json'));
  const scene = {program: await serve(), serve, repository};
  // Its address outlives the server.
  const proxy = scene.proxy = await Proxy.start(null, scene.program.port);
  const page = scene.page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  // The browser's own words about a server that is not there.
  page.on('console', (message) => message.type() === 'error' && !message.text().startsWith('WebSocket connection to ') && errors.push(message.text()));
  try {
    await page.goto(`http://127.0.0.1:${proxy.port}`);
    await page.waitForSelector('#state[data-state=live]');
    await page.waitForSelector('[data-task-start=hello]:enabled');
    await page.evaluate(() => { window.neverLoadedAnew = true; });
    await test(scene);
    assert.deepEqual(errors, []);
    assert.ok(await page.evaluate(() => neverLoadedAnew));
  } finally {
    await page.close();
    const ended = await scene.program.stop();
    await proxy.end();
    rmSync(home, {recursive: true, force: true});
    assert.deepEqual(ended, {code: 0, signal: null});
  }
}

const card = (task) => `[data-task-card][data-task=${task}]`;
const line = (page, task, number) => page.locator(`${card(task)} .output > div:not(.note)`).nth(number - 1).waitFor();
const says = (pattern) => `#reason:text-matches(${JSON.stringify(pattern)})`;
const lines = (page, task) => page.locator(`${card(task)} .output > div:not(.note)`).allTextContents();

await run([
  ['a task that is started shows its lines, both streams, and its end', () => opened(async ({page}) => {
    await page.click('[data-task-start=hello]');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
    await line(page, 'hello', 3);
    assert.deepEqual((await lines(page, 'hello')).sort(), ['bye', 'hello', 'oops']);
    assert.equal(await page.locator('#feed > [data-type=task_completed]').count(), 1);
  })],

  ['a running task streams, is seen by a second page, and ends when cancelled', () => opened(async ({page, program}) => {
    await page.click('[data-task-start=forever]');
    await line(page, 'forever', 4);
    const other = await browser.newPage();
    await other.goto(program.url);
    await other.waitForSelector(`${card('forever')} .badge[data-status=running]`);
    await page.click(`${card('forever')} [data-cancel]`);
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
    await other.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
    await other.close();
    const seen = await lines(page, 'forever');
    assert.deepEqual(seen, seen.map((_, i) => `line ${i}`));
  })],

  ['gates pass and fail', () => opened(async ({page}) => {
    await page.click('[data-task-start=build]');
    await page.waitForSelector(`${card('build')} .badge[data-gate=passed]`);
    await page.click('[data-task-start=broken]');
    await page.waitForSelector(`${card('broken')} .badge[data-gate=failed]`);
  })],

  ['failures say why', () => opened(async ({page}) => {
    await page.click('[data-task-start=fails]');
    await page.waitForSelector(`${card('fails')} .badge[data-status=failed]`);
    assert.match(await page.textContent(`${card('fails')} .badge`), /exit 3/);
    await page.click('[data-task-start=missing]');
    await page.waitForSelector(`${card('missing')} .badge[data-status=failed]`);
    assert.match(await page.textContent(card('missing')), /No such file or directory/);
  })],

  ['a branch is made in the repository, and a bad name is refused in words', () => opened(async ({page, repository}) => {
    await page.fill('#branch-name', 'feature/one');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-branch="feature/one"]');
    assert.equal(git(repository, 'rev-parse', 'feature/one'), git(repository, 'rev-parse', 'HEAD'));
    for (const bad of ['-D', 'feature/one', 'a..b', '$(touch x)', 'a b']) {
      await page.fill('#branch-name', bad);
      await page.keyboard.press('Enter');
      await page.waitForSelector('#branch-error:not([hidden])');
      await page.fill('#branch-name', '');
    }
    assert.equal(git(repository, 'branch', '--format=%(refname:short)'), 'feature/one\nmain');
  })],

  ['chips choose what is heard, as the server says it', () => opened(async ({page}) => {
    await page.click('[data-chip=task_started]');
    await page.waitForSelector('[data-chip=task_started][aria-pressed=true]:not([aria-busy=true])');
    await page.click('#clear');
    await page.click('[data-task-start=hello]');
    await page.waitForSelector('#feed > [data-type=task_started]');
    await page.click('[data-chip="*"]');
    await page.waitForSelector('[data-chip="*"][aria-pressed=true]:not([aria-busy=true])');
    await page.click('[data-task-start=lint]');
    await page.waitForSelector('#feed > [data-type=task_completed]');
    // Of the first run, only what was subscribed to was heard.
    assert.equal(await page.locator('#feed > [data-type=task_completed]').count(), 1);
  })],

  ['what a task prints is text, never markup', () => opened(async ({page}) => {
    await page.click('[data-task-start=markup]');
    await page.waitForSelector(`${card('markup')} .badge[data-status=completed]`);
    await page.waitForSelector(`${card('markup')} .output > div:not(.note)`);
    assert.equal(await page.locator(`${card('markup')} .output img`).count(), 0);
    assert.equal(await page.title() === '1', false);
  })],

  ['the keyboard alone is enough', () => opened(async ({page}) => {
    await page.focus('[data-task-start=hello]');
    await page.keyboard.press('Enter');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
  })],

  ['it fits a phone', () => opened(async ({page}) => {
    await page.setViewportSize({width: 360, height: 740});
    await page.click('[data-task-start=hello]');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  })],

  ['pages from elsewhere may not connect, whatever name they give us', () => opened(async ({program}) => {
    const answer = (headers) => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${program.port}/ws/main`, {headers});
      socket.on('open', () => { socket.terminate(); resolve(101); });
      socket.on('unexpected-response', (_, response) => { socket.terminate(); resolve(response.statusCode); });
      socket.on('error', reject);
    });
    assert.equal(await answer({}), 101);
    assert.equal(await answer({Origin: program.url}), 101);
    assert.equal(await answer({Origin: 'https://evil.example'}), 403);
    assert.equal(await answer({Origin: `http://evil.example:${program.port}`, Host: `evil.example:${program.port}`}), 403);
  })],

  ['a server that is started again: the page says so, comes back, and shows what is there now', () => opened(async (scene) => {
    const {page, proxy} = scene;
    await page.click('[data-task-start=forever]');
    await line(page, 'forever', 3);
    const epoch = await page.getAttribute('#position', 'data-epoch');
    proxy.target = null;
    assert.deepEqual(await scene.program.stop(), {code: 0, signal: null});
    await page.waitForSelector('#state[data-state=reconnecting]');
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
    await page.waitForSelector(says('^The server is shutting down\\. Trying again (now|in \\d+ s)\\.$'));
    assert.equal(await page.locator('[data-task-start]:enabled').count(), 0);

    scene.program = await scene.serve();
    proxy.target = scene.program.port;
    await page.click('#retry');
    await page.waitForSelector('#state[data-state=live]');
    await page.waitForSelector('#banner[data-state=gap]');
    assert.match(await page.textContent('#reason'), /^The server was restarted: /);
    await page.waitForSelector('#feed > [data-type=remark]');
    await page.waitForSelector(`#position[data-epoch]:not([data-epoch="${epoch}"])`);
    await page.click('[data-task-start=hello]');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
    await line(page, 'hello', 3);
    await page.waitForSelector('#connections .me');
  })],

  ['a server that is killed: the page finds the next one by itself and keeps what it chose to hear', () => opened(async (scene) => {
    const {page, proxy} = scene;
    await page.click('[data-chip=task_started]');
    await page.waitForSelector('[data-chip=task_started][aria-pressed=true]:not([aria-busy=true])');
    proxy.target = null;
    scene.program.process.kill('SIGKILL');
    await scene.program.ended;
    await page.waitForSelector('#state[data-state=reconnecting]');
    scene.program = await scene.serve();
    proxy.target = scene.program.port;
    await page.waitForSelector('#state[data-state=live]');
    await page.waitForSelector('[data-chip=task_started][aria-pressed=true]:enabled');
    await page.click('#clear');
    await page.click('[data-task-start=hello]');
    await page.waitForSelector('#feed > [data-type=task_started]');
    await page.click('[data-chip="*"]');
    await page.waitForSelector('[data-chip="*"][aria-pressed=true]:not([aria-busy=true])');
    await page.click('[data-task-start=lint]');
    await page.waitForSelector('#feed > [data-type=task_completed]');
    assert.equal(await page.locator('#feed > [data-type=task_completed]').count(), 1);
  })],

  ['a device that goes offline: the page says so, and has every line when it is back', () => opened(async ({page, proxy}) => {
    await page.click('[data-task-start=forever]');
    await line(page, 'forever', 3);
    await page.context().setOffline(true);
    proxy.cut();
    await page.waitForSelector('#state[data-state=reconnecting]');
    await page.waitForSelector(says('^This device is offline\\. Trying again (now|in \\d+ s)\\.$'));
    const before = (await lines(page, 'forever')).length;
    await page.context().setOffline(false);
    await page.waitForSelector('#state[data-state=live]');
    await page.waitForSelector('#banner[data-state=back]');
    assert.match(await page.textContent('#reason'), /^Back: \d+ events? replayed\.$/);
    await line(page, 'forever', before + 10);
    await page.click(`${card('forever')} [data-cancel]`);
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
    const seen = await lines(page, 'forever');
    assert.deepEqual(seen, seen.map((_, i) => `line ${i}`));
    assert.equal(await page.locator('#feed > :is([data-type=gap], [data-type=remark])').count(), 0);
  })],

  ['twenty thousand lines of a process come through a hundred cuts, each once, in order', () => opened(async ({page, proxy}) => {
    await page.evaluate(async () => {
      const {connect} = await import('/hotline.js');
      window.heard = {lines: [], gaps: []};
      window.client = connect('/ws/main', {retryBase: 5, retryCap: 50, events: ['agent_output', 'task_completed']});
      client.on('agent_output', (event) => heard.lines.push(event.line));
      client.onGap((gap) => heard.gaps.push(gap));
      heard.end = new Promise((resolve) => client.on('task_completed', resolve));
      await client.call('start_task', {task: 'count'});
    });
    for (let cut = 0; cut < 100; ++cut) {
      await page.evaluate(() => {
        heard.back = new Promise((resolve) => {
          const stop = client.onState(({state}) => state === 'live' && resolve(stop()));
        });
      });
      proxy.cut();
      await page.evaluate(() => heard.back);
    }
    const [lines, gaps] = await page.evaluate(async () => { await heard.end; return [heard.lines, heard.gaps]; });
    assert.deepEqual(lines, Array.from({length: 20_000}, (_, i) => `${i}`));
    assert.deepEqual(gaps, []);
  })],

  ['ending the server ends its children and tells its clients', () => opened(async ({page, program}) => {
    const client = await Client.connect(program, 'main');
    await page.click('[data-task-start=sleeper]');
    await line(page, 'sleeper', 1);
    const pid = Number((await lines(page, 'sleeper'))[0]);
    process.kill(pid, 0);
    const ended = program.stop();
    assert.equal((await client.next((m) => m.type === 'disconnected')).code, 1001);
    assert.deepEqual(await ended, {code: 0, signal: null});
    assert.throws(() => process.kill(pid, 0), {code: 'ESRCH'});
  })],
]);
await browser.close();
