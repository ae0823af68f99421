// The dashboard as a person uses it: Chromium drives its page, on a repository made for the purpose.
//
//   node tests/e2e/dashboard.test.mjs [BUILD_DIRECTORY]
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {WebSocket} from 'ws';
import {launchBrowser} from './browser.mjs';
import {Client, Program, examples, run} from './programs.mjs';
import {Proxy} from './proxy.mjs';

const browser = await launchBrowser();

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
  thirty: shell('i=1; while [ $i -le 30 ]; do echo "$i of 30"; i=$((i+1)); sleep 0.02; done'),
  watched: {argv: shell('seq 30'), signals: {ten: '0', half: '15'}},
  log: shell('seq 200'),
  flood: shell('seq 1500'),
  markup: shell('echo "<img src=x onerror=document.title=1>"'),
};

const git = (directory, ...args) => execFileSync('git', ['-C', directory, ...args], {encoding: 'utf8'}).trim();

// A repository, a dashboard of it, and a page that is live. `before` has the page before it goes anywhere.
async function opened(test, before = () => {}) {
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
    await before(page);
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
// Changes what the server says to the page, message by message; what becomes undefined does not arrive.
const changing = (change) => (page) => page.routeWebSocket(/\/ws\//, (socket) => {
  socket.connectToServer().onMessage((text) => {
    const changed = change(JSON.parse(text));
    if (changed !== undefined) socket.send(JSON.stringify(changed));
  });
});
// The page may be back by itself before a pointer gets there.
const retry = (page) => page.evaluate(() => document.querySelector('#retry').click());
async function reloaded(page) {
  await page.reload();
  await page.waitForSelector('#state[data-state=live]');
  await page.evaluate(() => { window.neverLoadedAnew = true; });
}
const seqs = (page) => page.locator('#feed > [data-seq]').evaluateAll((rows) => rows.map((row) => Number(row.dataset.seq)));
const types = (page) => page.locator('#feed > details:visible').evaluateAll((rows) => [...new Set(rows.map((row) => row.dataset.type))]);
const is_descending = (numbers) => numbers.every((n, i) => i === 0 || n < numbers[i - 1]);
// Where everything is that can be pressed, but for the rows of the feed.
const places = (page) => page.evaluate(() => Object.fromEntries(
  [...document.querySelectorAll('main :is(button, input)')].filter((each) => each.checkVisibility({visibilityProperty: true}))
    .map((each) => {
      const {x, y, width, height} = each.getBoundingClientRect();
      return [each.id || JSON.stringify(each.dataset), [x, y, width, height]];
    })));
const sizes = [{width: 1300, height: 900}, {width: 390, height: 844}];
// No rule of WCAG A and AA is broken, in any theme and size.
async function holds_wcag(page, state) {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({colorScheme, reducedMotion: 'reduce'});
    for (const size of sizes) {
      await page.setViewportSize(size);
      const broken = await page.evaluate(async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})).violations
        .flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`)));
      assert.deepEqual(broken, [], `${state}, ${colorScheme}, ${size.width}`);
    }
  }
}
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

  ['chips choose what the feed shows; the cards stay whole, and what came meanwhile is there when all is shown again',
    () => opened(async ({page, program}) => {
      await page.click('[data-chip=task_started]');
      await page.waitForSelector('[data-chip=task_started][aria-pressed=true]');
      await page.click('[data-task-start=thirty]');
      await page.waitForSelector(`${card('thirty')} .badge[data-status=completed]`);
      await line(page, 'thirty', 30);
      assert.deepEqual(await lines(page, 'thirty'), Array.from({length: 30}, (_, i) => `${i + 1} of 30`));
      assert.deepEqual(await types(page), ['task_started']);
      // The session receives everything all the time, and the list of connections says so.
      const client = await Client.connect(program, 'main');
      const {connections} = (await client.call('list_connections')).result;
      assert.deepEqual(connections.map((each) => each.subscriptions), connections.map(() => ['*']));
      await page.click('[data-chip="*"]');
      await page.waitForSelector('#feed > [data-type=task_completed]');
      const shown = await seqs(page);
      assert.ok(is_descending(shown), `${shown}`);
      assert.equal(await page.locator('#feed > [data-type=agent_output]').count(), 30);
      assert.equal(shown.at(0) - shown.at(-1), shown.length - 1);
    })],

  ['a flood does not push out rarer types, and the choice outlives a reload', () => opened(async ({page}) => {
    await page.click('[data-task-start=hello]');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
    await page.click('[data-task-start=flood]');
    await page.waitForSelector(`${card('flood')} .badge[data-status=completed]`);
    await page.waitForSelector('#feed > [data-type=task_completed]');
    assert.equal(await page.locator('#feed > details').count(), 500);
    for (const again of [false, true]) {
      if (again) await reloaded(page);
      else await page.click('[data-chip=task_started]');
      await page.waitForSelector('[data-chip=task_started][aria-pressed=true]');
      await page.waitForSelector('#feed > [data-type=task_started] >> nth=1');
      assert.deepEqual(await page.locator('#feed > [data-type=task_started]').count(), 2);
      assert.deepEqual(await types(page), ['task_started']);
    }
  })],

  ['a paused feed says how much it holds of what is chosen, and has it when it goes on', () => opened(async ({page}) => {
    await page.click('#pause');
    await page.click('[data-task-start=thirty]');
    await page.waitForSelector(`${card('thirty')} .badge[data-status=completed]`);
    await page.waitForSelector('#pause:text("Resume · 32 new")');
    await page.click('[data-chip=task_completed]');
    await page.waitForSelector('#pause:text("Resume · 1 new")');
    assert.equal(await page.locator('#feed > details').count(), 0);
    await page.click('#pause');
    await page.waitForSelector('#feed > [data-type=task_completed]');
    await page.click('#clear');
    await page.click('[data-chip="*"]');
    assert.equal(await page.locator('#feed > details').count(), 0);
  })],

  ['a page that is loaded again, and one that comes later, show what happened before', () => opened(async ({page, program}) => {
    await page.click('[data-task-start=hello]');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
    await page.click('[data-task-start=broken]');
    await page.waitForSelector(`${card('broken')} .badge[data-gate=failed]`);
    await page.click('[data-task-start=missing]');
    await page.waitForSelector(`${card('missing')} .badge[data-status=failed]`);
    await page.click('[data-task-start=forever]');
    await line(page, 'forever', 4);
    const other = await browser.newPage();
    await reloaded(page);
    await other.goto(program.url);
    for (const each of [page, other]) {
      await each.waitForSelector(`${card('forever')} .badge[data-status=running]`);
      await line(each, 'forever', 4);
      assert.deepEqual((await lines(each, 'forever')).slice(0, 4), ['line 0', 'line 1', 'line 2', 'line 3']);
      await each.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
      assert.deepEqual((await lines(each, 'hello')).sort(), ['bye', 'hello', 'oops']);
      await each.waitForSelector(`${card('broken')} .badge[data-gate=failed]`);
      await each.waitForSelector(`${card('missing')} :text("No such file or directory")`);
      assert.deepEqual(await each.locator('[data-task-card]').evaluateAll((all) => all.map((one) => one.dataset.task)),
        ['forever', 'missing', 'broken', 'hello']);
      assert.equal(await each.locator('.badge[data-status=ended]').count(), 0);
      await each.waitForSelector('#feed > [data-type=task_started] >> nth=3');
      const shown = await seqs(each);
      assert.ok(is_descending(shown), `${shown}`);
    }
    await other.close();
    await page.click(`${card('forever')} [data-cancel]`);
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
    const seen = await lines(page, 'forever');
    assert.deepEqual(seen, seen.map((_, i) => `line ${i}`));
  })],

  ['what is told again happened when it happened: clocks and the rate are those of then', () => opened(async ({page}) => {
    await page.click('[data-task-start=log]');
    await page.waitForSelector(`${card('log')} .badge[data-status=completed]`);
    await line(page, 'log', 200);
    const curve = await page.evaluate(() => new Promise((resolve) => {
      const path = document.querySelector('#activity path');
      new MutationObserver(() => resolve(path.getAttribute('d'))).observe(path, {attributes: true});
    }));
    assert.match(curve, /^M0 24(L[\d.]+ 22\.5)+L60 24Z$/);
    assert.equal(await page.textContent('#rate'), '0.0/s');
    assert.match(await page.textContent(`${card('log')} .clock`), /^\d+ s$/);
  }, changing((message) => message.type === 'event' ? {...message, timestamp: message.timestamp - 300} : message))],

  ['a run whose beginning is not kept says so', () => opened(async ({page, program}) => {
    await (await Client.connect(program, 'main')).call('start_task', {task: 'hello'});
    const run = '[data-task-card]';
    await page.waitForSelector(`${run} .badge[data-status=completed]`);
    await page.waitForSelector(`${run} .note:text("no longer keeps how this run began")`);
  }, changing((message) => message.event_type === 'task_started' ? undefined : message))],

  ['nothing that appears by itself moves what can be pressed', () => opened(async ({page, proxy, program}) => {
    const client = await Client.connect(program, 'main');
    await page.click('[data-task-start=forever]');
    await line(page, 'forever', 2);
    for (const size of sizes) {
      await page.setViewportSize(size);
      await page.mouse.move(5, 5);
      const before = await places(page);
      assert.ok(Object.keys(before).length > 20);
      const same = async (when) => assert.deepEqual(await places(page), before, `${when} at ${size.width}`);
      proxy.target = null;
      proxy.cut();
      await page.waitForSelector('#banner[data-state=reconnecting]:visible');
      await same('while the connection is lost');
      proxy.target = program.port;
      await retry(page);
      await page.waitForSelector('#banner[data-state=back]:visible');
      await same('with the notice that it is back');
      await page.waitForSelector('#banner', {state: 'hidden'});
      await same('when the notice is gone');
    }
    for (const size of [...sizes].reverse()) {
      await page.setViewportSize(size);
      const before = await places(page);
      await page.keyboard.press('Shift');  // somebody is there
      const {task_id} = (await client.call('start_task', {task: 'hello'})).result;
      await page.waitForSelector(`[data-task-card="${task_id}"] .badge[data-status=completed]`, {state: 'attached'});
      await client.call('create_branch', {name: `by-others-${size.width}`});
      await page.waitForSelector(`[data-branch=by-others-${size.width}]`);
      const after = await places(page);
      for (const name in before) if (name !== 'new-runs' && before[name][1] < size.height) assert.deepEqual(after[name], before[name], `${name} at ${size.width}`);
      // On a phone the card waits, for it would move what follows; a press shows it.
      if (size.width === 390) await page.click('#new-runs');
      await page.waitForSelector(`[data-task-card="${task_id}"]:visible`);
      await page.evaluate(() => scrollTo(0, 0));
    }
    await page.click(`${card('forever')} [data-cancel]`);
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
  })],

  ['two runs of one task are told apart in the feed and on their cards', () => opened(async ({page}) => {
    for (const number of [1, 2]) {
      await page.click('[data-task-start=lint]');
      await page.waitForSelector(`#feed > [data-type=task_completed] >> nth=${number - 1}`);
    }
    const titles = await page.locator(`${card('lint')} h3`).allTextContents();
    assert.equal(new Set(titles).size, 2);
    for (const type of ['agent_output', 'task_completed'])
      for (const title of titles) await page.waitForSelector(`#feed > [data-type=${type}]:has-text(${JSON.stringify(title)})`);
    assert.ok(titles.every((title) => title.startsWith('lint')));
  })],

  ['few tab stops, whatever was printed, and the keyboard reaches every row', () => opened(async ({page, program}) => {
    const client = await Client.connect(program, 'main');
    await page.click('[data-task-start=log]');
    await page.waitForSelector(`${card('log')} .badge[data-status=completed]`);
    await page.waitForSelector('#feed > [data-type=agent_output] >> nth=199');
    const focused = () => page.evaluate(() => {
      const at = document.activeElement;
      return at === document.body ? '' : at.closest('#feed > details')?.dataset.seq ?? (at.id || JSON.stringify(at.dataset));
    });
    const stops = [];
    await page.evaluate(() => document.activeElement.blur());
    await page.focus('.skip');
    do {
      stops.push(await focused());
      await page.keyboard.press('Tab');
    } while (stops.length < 300 && await focused() !== stops[0] && await focused() !== '');
    assert.ok(stops.length < 40, `${stops.length}: ${stops}`);

    const newest = (await seqs(page)).at(0), oldest = (await seqs(page)).at(-1);
    await page.focus('#feed > details > summary[tabindex="0"]');
    assert.equal(await focused(), `${newest}`);
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(), `${newest - 1}`);
    await page.keyboard.press('Enter');
    await page.waitForSelector(`#feed > [data-seq="${newest - 1}"][open] pre`);
    await page.keyboard.press('Escape');
    await page.waitForSelector(`#feed > [data-seq="${newest - 1}"]:not([open])`);
    await page.keyboard.press('End');
    assert.equal(await focused(), `${oldest}`);
    // Rows that go take no focus with them.
    await client.call('start_task', {task: 'flood'});
    await page.waitForSelector('#feed > [data-type=task_completed]:has-text("flood")');
    assert.ok(await page.evaluate(() => document.querySelector('#feed').contains(document.activeElement)));
    await page.keyboard.press('Home');
    await page.waitForSelector('#feed > details:first-child > summary:focus');

    await page.focus('[data-chip]:not([tabindex="-1"])');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await page.waitForSelector('[data-chip=task_started][aria-pressed=true]:focus');
  })],

  ['a server that stands still is noticed; it goes on, and nothing is missing', () => opened(async ({page, program}) => {
    await page.click('[data-task-start=forever]');
    await line(page, 'forever', 3);
    program.process.kill('SIGSTOP');
    let before;
    try {
      await page.waitForSelector('#state[data-state=reconnecting]');
      await page.waitForSelector(says('^The server does not answer\\. '));
      before = (await lines(page, 'forever')).length;
    } finally {
      program.process.kill('SIGCONT');
    }
    await page.waitForSelector('#state[data-state=live]');
    await line(page, 'forever', before + 10);
    await page.click(`${card('forever')} [data-cancel]`);
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
    const seen = await lines(page, 'forever');
    assert.deepEqual(seen, seen.map((_, i) => `line ${i}`));
    assert.equal(await page.locator('#feed > :is([data-type=gap], [data-type=remark])').count(), 0);
  })],

  ['no rule of WCAG A and AA is broken, in any state, theme and size', () => opened(async ({page, proxy, program}) => {
    for (const [task, status] of [['log', 'completed'], ['watched', 'completed'], ['broken', 'completed'],
      ['fails', 'failed'], ['missing', 'failed'], ['forever', 'running']]) {
      await page.click(`[data-task-start=${task}]`);
      await page.waitForSelector(`${card(task)} .badge[data-status=${status}]`);
    }
    await page.waitForSelector(`${card('broken')} .badge[data-gate=failed]`);
    await page.click('[data-task-start=sleeper]');
    await page.click(`${card('sleeper')} [data-cancel]`);
    await page.waitForSelector(`${card('sleeper')} .badge[data-status=cancelled]`);
    await page.fill('#branch-name', 'a b');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#branch-error:visible');
    await page.click('[data-chip=task_started]');
    await page.click('#pause');
    await page.click('#feed > details:visible >> nth=0');
    await holds_wcag(page, 'with runs and a filter');
    proxy.target = null;
    proxy.cut();
    await page.waitForSelector('#banner[data-state=reconnecting]:visible');
    await holds_wcag(page, 'without a connection');
    proxy.target = program.port;
    await retry(page);
    await page.waitForSelector('#state[data-state=live]');
    await page.click(`${card('forever')} [data-cancel]`);
    await page.waitForSelector(`${card('forever')} .badge[data-status=cancelled]`);
  })],

  ['without JavaScript, or where its script does not come, the page says what it is and what it needs', () => opened(async ({program}) => {
    const context = await browser.newContext({javaScriptEnabled: false});
    const plain = await context.newPage();
    await plain.goto(program.url);
    assert.match(await plain.innerText('body'), /dashboard[^]*JavaScript/);
    await context.close();
    for (const answer of [(route) => route.abort(), (route) => route.fulfill({contentType: 'text/javascript', body: 'export const = ;'})]) {
      const page = await browser.newPage();
      await page.route('**/hotline.js', answer);
      await page.goto(program.url);
      await page.waitForSelector('#unusable:visible');
      assert.match(await page.innerText('#unusable'), /could not start/);
      assert.doesNotMatch(await page.innerText('#state'), /Connecting/);
      await page.close();
    }
  })],

  ['a signal is a row, and a mark on the card of its run', () => opened(async ({page}) => {
    await page.click('[data-task-start=watched]');
    await page.waitForSelector(`${card('watched')} .badge[data-status=completed]`);
    await page.waitForSelector(`${card('watched')} .badge[data-signal=ten]:text("ten ×3")`);
    await page.waitForSelector(`${card('watched')} .badge[data-signal=half]:text-is("half")`);
    await page.click('[data-chip=signal_detected]');
    assert.deepEqual(await types(page), ['signal_detected']);
    const rows = await page.locator('#feed > [data-type=signal_detected]').allInnerTexts();
    assert.equal(rows.length, 4);
    assert.match(rows.join('\n'), /watched #\d+ · half · 15/);
  })],

  ['the bar names the folder, and a folder without git says so', () => opened(async ({page, repository}) => {
    await page.waitForSelector('#folder:has-text("repository")');
    assert.equal(await page.getAttribute('#folder', 'title'), realpathSync(repository));
    await page.waitForSelector('#branch-form:visible');
    const folder = mkdtempSync(join(tmpdir(), 'hotline-folder-'));
    const program = await Program.start(join(examples, 'dashboard'), '--repo', folder);
    try {
      await page.goto(program.url);
      await page.waitForSelector(`#folder[title="${realpathSync(folder)}"]`);
      await page.waitForSelector('#no-repository:visible');
      await page.waitForSelector('#branch-form', {state: 'hidden'});
      await page.waitForSelector('[data-task-start=count]');
      assert.equal(await page.locator('[data-task-start=log]').count(), 0);
      await holds_wcag(page, 'without a repository');
      await page.evaluate(() => { window.neverLoadedAnew = true; });
    } finally {
      await program.stop();
      rmSync(folder, {recursive: true});
    }
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
    assert.equal(await answer({Origin: `http://evil.example:${program.port}`, Host: `evil.example:${program.port}`}), 421);
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

  ['a server that is killed: the page finds the next one by itself and keeps what it chose to show', () => opened(async (scene) => {
    const {page, proxy} = scene;
    await page.click('[data-chip=task_started]');
    proxy.target = null;
    scene.program.process.kill('SIGKILL');
    await scene.program.ended;
    await page.waitForSelector('#state[data-state=reconnecting]');
    scene.program = await scene.serve();
    proxy.target = scene.program.port;
    await page.waitForSelector('#state[data-state=live]');
    await page.waitForSelector('[data-chip=task_started][aria-pressed=true]:enabled');
    await page.waitForSelector('[data-task-start=hello]:enabled');
    await page.click('[data-task-start=hello]');
    await page.waitForSelector('#feed > [data-type=task_started]');
    await page.waitForSelector(`${card('hello')} .badge[data-status=completed]`);
    await line(page, 'hello', 3);
    assert.equal(await page.locator('#feed > [data-type=task_completed]').count(), 0);
    await page.click('[data-chip="*"]');
    await page.waitForSelector('#feed > [data-type=task_completed]');
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
