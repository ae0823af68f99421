// What README.md and docs/ show is what there is: the program is the first example to the letter, its browser half works
// with it, and every link leads somewhere.
import {strict as assert} from 'node:assert';
import {existsSync, readFileSync, readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {WebSocket} from 'ws';
import {Program, examples, run, within} from './programs.mjs';

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
    const script = block('js').replace('127.0.0.1:8080', `127.0.0.1:${program.port}`);
    const said = [];
    let socket;
    await within(new Promise((resolve) => {
      const page_console = {log: (...words) => said.push(words.join(' ')) === 3 && resolve()};
      class Socket extends WebSocket {
        constructor(url) {
          super(url);
          socket = this;
        }
      }
      new Function('WebSocket', 'console', script)(Socket, page_console);
    }), 'three lines on the console');
    assert.match(said[0], /^connected as [0-9a-f]{16}$/);
    assert.deepEqual(said.slice(1).sort(), ['1 said hello', 'answered 1 {"seq":1}']);
    socket.terminate();
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
