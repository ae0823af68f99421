// Starts Debian's nginx and haproxy with the configuration that docs/proxies.md shows, in a folder of the test's and on ports
// that are free. Says so and ends as skipped where they are not installed.
import assert from 'node:assert/strict';
import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import net from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import {setTimeout as sleep} from 'node:timers/promises';
import {Client, Inbox, within} from './harness.mjs';

process.env.PATH += ':/usr/sbin:/sbin';  // not everybody's

/** The exit code that ctest takes for "skipped"; see SKIP_RETURN_CODE in tests/CMakeLists.txt. */
const SKIPPED = 77;
for (const program of ['nginx', 'haproxy']) {
  if (spawnSync(program, ['-v']).status === 0) continue;
  console.log(`skipped: there is no ${program} here`);
  process.exit(SKIPPED);
}

const page = readFileSync(new URL('../../docs/proxies.md', import.meta.url), 'utf8');

/** The page's blocks in `language` under the heading `title`; the only one where `n` is not given. */
export function block(title, language, n) {
  const section = page.split(/^#+ /m).find((text) => text.startsWith(`${title}\n`));
  assert.ok(section, `docs/proxies.md: no section "${title}"`);
  const blocks = [...section.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text);
  if (n === undefined) assert.equal(blocks.length, 1, `docs/proxies.md: blocks in ${language} under "${title}"`);
  const found = blocks[n ?? 0];
  assert.ok(found, `docs/proxies.md: block ${n} in ${language} under "${title}"`);
  return found;
}

/** The words by which two lines set the same thing: `proxy_set_header Host`, `option forwardfor`, `listen`. */
function directive(line) {
  const [first, second] = line.trim().split(/[\s;]+/);
  return ['proxy_set_header', 'option', 'timeout', 'compression'].includes(first) ? `${first} ${second}` : first;
}

/** Where a line goes that is not in the first block of the page: behind one in the same braces, or in the same section. */
const anchors = {
  nginx: (line) => (line.startsWith('    ') ? /^ {4}proxy_pass / : /^ {2}listen /),
  haproxy: () => /^backend /,
};

/** `text` with the lines of `smaller`, each in place of the first of the same directive, if there is one. */
function merged(text, smaller, language) {
  const lines = text.split('\n');
  for (const line of smaller.split('\n').filter((one) => one.trim() !== '').reverse()) {
    const same = lines.findIndex((one) => one.trim() !== '' && directive(one) === directive(line));
    if (same >= 0) {
      lines[same] = line;
      continue;
    }
    const at = lines.findIndex((one) => anchors[language](line).test(one));
    assert.ok(at >= 0, `no place for ${line}`);
    lines.splice(at + 1, 0, line);
  }
  return lines.join('\n');
}

/** `text` with `from`, which is there, replaced wherever it is. */
function put(text, from, to) {
  assert.ok(text.includes(from), `"${from}" is not in:\n${text}`);
  return text.replaceAll(from, to);
}

async function freePort() {
  const server = net.createServer();
  await within(new Promise((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve)), 'a port');
  const {port} = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A folder for a test's files, which other users may enter: nginx's workers are others when root starts it. */
export function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), 'hotline-proxies-'));
  chmodSync(made, 0o755);
  t.after(() => rmSync(made, {recursive: true, force: true}));
  return made;
}

/** Where a certificate for 127.0.0.1, its key, and both in one file are. */
export function certificate(home) {
  const [chain, key, both] = ['app.pem', 'app.key', 'both.pem'].map((name) => path.join(home, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=proxy', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', chain], {stdio: 'ignore'});
  writeFileSync(both, readFileSync(chain) + readFileSync(key));
  return {chain, key, both};
}

class Running {
  constructor(t, program, args) {
    this.printed = new Inbox();
    this.lines = [];
    this.process = spawn(program, args, {stdio: ['ignore', 'pipe', 'pipe']});
    this.exited = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        this.printed.end(`${program} has ended: ${code ?? signal}\n${this.lines.join('\n')}`);
        resolve({code, signal});
      });
    });
    this.exited.catch(() => {});
    for (const stream of [this.process.stdout, this.process.stderr]) {
      readline.createInterface({input: stream}).on('line', (line) => {
        this.lines.push(line);
        this.printed.put(line);
      });
    }
    t.after(() => this.end());
  }

  async end() {
    // nginx's workers end with their master when it gets SIGTERM, and not when it is killed.
    this.process.kill('SIGTERM');
    await within(this.exited, 'the end of a proxy');
  }

  get isInUse() { return this.lines.some((line) => /address already in use|cannot bind socket/i.test(line)); }
}

/** The server of docs/proxies.md. `printed` are its lines from `opened` on. */
export class Host extends Running {
  static async start(t, ...args) {
    const host = new Host(t, path.join(process.env.HOTLINE_E2E ?? '.', 'e2e_proxies'), args.map(String));
    const line = await host.printed.find((one) => one.startsWith('listening'), 'the server');
    host.port = Number(/:(\d+)$/.exec(line)?.[1]);
    host.address = `127.0.0.1:${host.port}`;
    return host;
  }
}

/** A proxy in front of `upstream`, an ADDRESS:PORT or a Unix socket's path. */
export class Proxy {
  /** `change` gets the configuration of docs/proxies.md and makes the test's of it, such as `with_block('TLS')`. */
  static async start(t, language, upstream, {change = (text) => text, tls = false} = {}) {
    for (;;) {
      const proxy = new this();
      proxy.home = folder(t);
      proxy.port = await freePort();
      proxy.secure = tls;
      const made = change(block(language, language));
      const running = await (language === 'nginx' ? proxy.#nginx(t, made, upstream) : proxy.#haproxy(t, made, upstream));
      if (running) return proxy;
    }
  }

  get url() { return `ws${this.secure ? 's' : ''}://127.0.0.1:${this.port}/ws/p`; }
  get origin() { return `http${this.secure ? 's' : ''}://127.0.0.1:${this.port}`; }

  async #nginx(t, made, upstream) {
    let text = made;
    if (upstream !== undefined) text = put(text, '127.0.0.1:8080', upstream);
    text = text.replace(/listen \d+/, `listen 127.0.0.1:${this.port}`);
    const file = path.join(this.home, 'nginx.conf');
    const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) =>
      `${name}_temp_path ${path.join(this.home, name)};`);
    writeFileSync(file, `daemon off;
${process.getuid() === 0 ? 'user www-data;' : ''}
pid ${path.join(this.home, 'nginx.pid')};
error_log stderr notice;
events {}
http {
access_log off;
${kept.join('\n')}
${text}
}
`);
    this.running = new Running(t, 'nginx', ['-p', this.home, '-e', 'stderr', '-c', file]);
    return this.#ready(this.running.printed.find((line) => /start worker process \d/.test(line), 'nginx'));
  }

  async #haproxy(t, made, upstream) {
    let text = made;
    if (upstream !== undefined) text = put(text, '127.0.0.1:8080', upstream);
    text = text.replace(/bind :\d+/, `bind 127.0.0.1:${this.port}`);
    const file = path.join(this.home, 'haproxy.cfg');
    this.stats = path.join(this.home, 'stats');
    const others = process.getuid() === 0 ? '  user haproxy\n  group haproxy\n' : '';
    writeFileSync(file, `global\n  maxconn 200\n  stats socket ${this.stats}\n${others}\n${text}`);
    this.running = new Running(t, 'haproxy', ['-db', '-f', file]);
    // Its sockets are all bound before the first of them is served.
    return this.#ready((async () => {
      while (!this.running.printed.ended) {
        if (await this.ask('show info').catch(() => '')) return;
        await sleep(20);
      }
      throw new Error('haproxy has ended');
    })());
  }

  async #ready(ready) {
    try {
      await within(ready, 'the proxy');
      return true;
    } catch (error) {
      if (this.running.isInUse) return false;
      throw new Error(this.running.lines.join('\n'), {cause: error});
    }
  }

  /** haproxy's answer to one of its commands. */
  ask(command) {
    return within(new Promise((resolve, reject) => {
      let told = '';
      net.connect(this.stats).on('connect', function() { this.write(`${command}\n`); })
        .on('data', (data) => { told += data; }).on('end', () => resolve(told)).on('error', reject);
    }), `haproxy's answer to ${command}`);
  }

  /** The verdict of haproxy's health check on its server's answer, once there is one, such as "L7OK 204". */
  async health() {
    for (;; await sleep(50)) {
      const lines = (await this.ask('show stat')).split('\n');
      const names = lines[0].replace(/^# /, '').split(',');
      const values = lines.find((line) => line.startsWith('app,app1,')).split(',');
      const told = (name) => values[names.indexOf(name)];
      // A star: the next check is under way.
      if (/^(\* )?(L7OK|L7STS)$/.test(told('check_status'))) return `${told('check_status').replace('* ', '')} ${told('check_code')}`;
    }
  }

  /** A client that comes through this proxy as a page's would, and has been greeted. */
  async connect(t, options = {}) {
    const {query = '', ...more} = options;
    const client = new Client(this.url + query, {origin: this.origin, rejectUnauthorized: false, ...more});
    t.after(() => client.socket.terminate());
    client.hello = await client.next('connected');
    return client;
  }
}

/** For `change`: the lines of a smaller block. */
export const withBlock = (title, language, n) => (text) => merged(text, block(title, language, n), language);

/** For `change`: one after the other. */
export const all = (...changes) => (text) => changes.reduce((made, change) => change(made), text);

/** For `change`: other words, which are there. */
export const replacing = (from, to) => (text) => put(text, from, to);
