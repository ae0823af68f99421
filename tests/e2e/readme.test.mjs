// README.md and docs/ agree with the code: the program is the first example to the letter, its browser half works
// with it, and every link leads somewhere.
import {strict as assert} from 'node:assert';
import {existsSync, readFileSync, readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {launchBrowser} from './browser.mjs';
import {Program, examples, run, within} from './programs.mjs';
import {Proxy} from './proxy.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = (path) => readFileSync(join(root, path), 'utf8');
const block = (language) => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(text('README.md'))[1];

// As web pages that show such files do.
function anchors(page) {
  const headings = [...page.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)];
  return headings.map(([, heading]) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

await run([
  ['README.md: its program is examples/01_quickstart.cpp', () => {
    assert.equal(block('cpp'), text('examples/01_quickstart.cpp'));
  }],

  ['README.md: the browser half does what it says', async () => {
    const program = await Program.start(join(examples, '01_quickstart'));
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(program.url);
      const said = [];
      const both = new Promise((resolve) => page.on('console', (message) => {
        if (message.type() === 'log' && said.push(message.text()) === 2) resolve();
      }));
      await page.evaluate(`(async () => {${block('js')}})()`);
      await within(both, 'two lines on the console');
      assert.deepEqual(said.sort(), ['1 said hello', 'answered {"seq":1}']);
    } finally {
      await browser.close();
    }
  }],

  ['README.md: two tabs show what is typed into one, wait for a server that is gone, and go on with the next', async () => {
    const serve = () => Program.start(join(examples, '01_quickstart'));
    let program = await serve();
    const proxy = await Proxy.start(null, program.port);  // an address that outlives the server
    const browser = await launchBrowser();
    const state = (tab, word) => tab.waitForSelector(`#state:text-matches("^${word}")`);
    const said = (tab, text) => tab.waitForSelector(`#said li:text-is("${text}")`);
    const type = async (tab, text) => {
      await tab.fill('input', text);
      await tab.keyboard.press('Enter');
    };
    try {
      const tabs = [await browser.newPage(), await browser.newPage()];
      for (const tab of tabs) {
        await tab.goto(`http://127.0.0.1:${proxy.port}`);
        await state(tab, 'live');
      }
      await type(tabs[0], 'hello');
      for (const tab of tabs) await said(tab, 'hello');
      proxy.target = null;
      await program.stop();
      for (const tab of tabs) await state(tab, 'waiting');
      await type(tabs[1], 'typed meanwhile');
      program = await serve();
      proxy.target = program.port;
      await said(tabs[1], 'typed meanwhile');
      // The next server knows nothing of before, and each tab says so. The other one may be later than the event.
      for (const tab of tabs) {
        await state(tab, 'live');
        await said(tab, '(events are missing: epoch_changed)');
      }
    } finally {
      await browser.close();
      await proxy.end();
    }
  }],

  ['README.md and docs/: every link leads somewhere', () => {
    const pages = ['README.md', ...['docs', 'docs/decisions'].flatMap((folder) =>
      readdirSync(join(root, folder)).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)))];
    for (const page of pages) {
      for (const [, target] of text(page).replace(/^```[^]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)) {
        const [path, anchor] = target.split('#');
        const file = path === '' ? page : join(dirname(page), path);
        assert.ok(existsSync(join(root, file)), `${page}: ${target}`);
        if (anchor) assert.ok(anchors(text(file)).includes(anchor), `${page}: ${target}`);
      }
    }
  }],
]);
