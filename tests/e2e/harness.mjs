// Common parts of the end-to-end tests: a server process, clients over npm `ws`, raw sockets, and waits that only ever fail.

import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import {setTimeout as sleep} from 'node:timers/promises';
import WebSocket from 'ws';
import {within} from './patience.mjs';

export {within};

/** Things that are waited for in the order in which they came. */
export class Inbox {
  #items = [];
  #waiting = [];
  #ended = null;

  get size() { return this.#items.length; }
  get ended() { return this.#ended !== null; }

  put(item) {
    if (this.#waiting.length > 0) this.#waiting.shift().resolve(item);
    else this.#items.push(item);
  }

  /** Waits that are pending, or come later, fail with the reason why there will be no more. */
  end(why) {
    this.#ended ??= why;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error(why));
  }

  next(what = 'the next item') {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    if (this.#ended !== null) return Promise.reject(new Error(`${what}: ${this.#ended}`));
    return within(new Promise((resolve, reject) => this.#waiting.push({resolve, reject})), what);
  }

  /** The first item that fits; those before it are passed by. */
  async find(fits, what) {
    for (;;) {
      const item = await this.next(what);
      if (fits(item)) return item;
    }
  }
}

/** One `e2e_server`. Ended with its test: `const server = await Server.start(t)`. Its clock stands still but for `advance`. */
export class Server {
  #advancing = new Inbox();

  static async start(t, ...args) {
    const server = new this(args);
    t.after(() => server.kill());
    const line = await server.printed.next('the line with the port');
    const match = /^listening on http:\/\/[\d.]+:(\d+)$/.exec(line);
    assert.ok(match, line);
    server.port = Number(match[1]);
    return server;
  }

  /** `within`: a command that runs another. */
  constructor(args, within = []) {
    this.clients = new Set();
    this.printed = new Inbox();
    const [program, ...words] = [...within, path.join(process.env.HOTLINE_E2E ?? '.', 'e2e_server'), ...args.map(String)];
    this.process = spawn(program, words, {stdio: ['pipe', 'pipe', 'inherit']});
    this.process.stdin.on('error', () => {});  // it has ended, which `#advancing` learns as well
    // `close`, and not `exit`: its last output has been read then.
    this.exited = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => resolve({code, signal}));
    });
    this.exited.catch(() => {});
    readline.createInterface({input: this.process.stdout})
      .on('line', line => (line === 'the time has passed' ? this.#advancing : this.printed).put(line))
      .on('close', () => {
        this.printed.end('the server has ended');
        this.#advancing.end('the server has ended');
      });
  }

  /** Moves the server's clock on. Things that are due then happen at its next tick, so a test waits for that, not for a
   * time. */
  async advance(ms) {
    this.process.stdin.write(`${ms}\n`);
    await this.#advancing.next('the time to pass');
  }

  /** The outcome of the promise. Until then the server's time passes in steps of `ms`, each after `before` has come: a
   * client that sends something in each step is never silent for longer than a step, however slow the machine is. */
  async passingTime(promise, {ms = 500, before = () => {}} = {}) {
    let settled = false;
    const end = () => { settled = true; };
    promise.then(end, end);
    while (!settled) {
      try {
        await before();
        await this.advance(ms);
      } catch (error) {
        if (!settled && !this.#advancing.ended) throw error;
        break;
      }
      await Promise.race([promise, sleep(100)]).catch(() => {});  // the server's next tick may be half a second away
    }
    return within(promise, 'what was to come with time');
  }

  get pid() { return this.process.pid; }

  kill() {
    for (const client of this.clients) client.socket.terminate();
    this.process.kill('SIGKILL');
    return this.exited;
  }

  url(project = 'p') { return `ws://127.0.0.1:${this.port}/ws/${project}`; }

  /** The resident memory of the process, in bytes. */
  rss() {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]) * 1024;
  }

  /** A client that has been greeted. */
  async connect(project = 'p', options = {}) {
    const client = new Client(this.url(project), options);
    this.clients.add(client);
    client.hello = await client.next('connected');
    return client;
  }

  connectMany(count, project = 'p') {
    return Promise.all(Array.from({length: count}, () => this.connect(project)));
  }

  async raw() {
    const socket = net.connect(this.port, '127.0.0.1');
    const raw = new Raw(socket);
    this.clients.add({socket: {terminate: () => socket.destroy()}});
    await within(new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject)), 'a TCP connection');
    return raw;
  }

  /** The bytes that come back for these until the server ends the connection. */
  async answerTo(bytes) {
    const raw = await this.raw();
    raw.socket.write(Buffer.from(bytes, 'latin1'));
    await raw.ended();
    return raw.received.toString('latin1');
  }
}

/** A client over npm `ws`. Messages are sorted: answers to those who asked, all others in `inbox`, in order. */
export class Client {
  #asked = new Map();
  #lastId = 0;

  constructor(url, options = {}) {
    this.inbox = new Inbox();
    this.pings = new Inbox();
    this.pongs = new Inbox();
    this.socket = new WebSocket(url, {perMessageDeflate: false, ...options});
    this.closed = new Promise(resolve => this.socket.on('close', (code, reason) => {
      this.inbox.end(`closed with ${code} ${reason}`);
      this.pings.end('closed');
      this.pongs.end('closed');
      for (const {reject} of this.#asked.values()) reject(new Error(`closed with ${code} ${reason}`));
      resolve({code, reason: String(reason)});
    }));
    this.socket.on('error', error => this.inbox.end(String(error)));
    this.socket.on('ping', data => this.pings.put(String(data)));
    this.socket.on('pong', data => this.pongs.put(String(data)));
    this.socket.on('message', (data, binary) => {
      assert.ok(!binary, 'a binary message');
      this.#sort(JSON.parse(data));
    });
  }

  #sort(message) {
    assert.equal(typeof message.type, 'string');
    assert.equal(typeof message.timestamp, 'number');
    const asked = this.#asked.get(message.id);
    if (asked === undefined) return this.inbox.put(message);
    if (message.type === 'command_progress') return asked.progress(message.progress);
    this.#asked.delete(message.id);
    if (message.type === 'command_error') asked.reject(Object.assign(new Error(message.error.message), message));
    else asked.resolve(message);
  }

  send(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The answer to a command; a `command_error` is thrown. */
  ask(command, payload, {id = `ask ${++this.#lastId}`, progress = () => {}} = {}) {
    const answer = new Promise((resolve, reject) => this.#asked.set(id, {resolve, reject, progress}));
    this.send({command, id, payload});
    return within(answer, `the answer to ${command}`);
  }

  async result(command, payload, options) {
    const answer = await this.ask(command, payload, options);
    assert.equal(answer.type, 'command_response');
    assert.equal(answer.command, command);
    return answer.result;
  }

  /** The `command_error` that a command comes to. */
  async refusal(command, payload, options) {
    try {
      await this.ask(command, payload, options);
    } catch (error) {
      if (error.type !== 'command_error') throw error;
      return error;
    }
    assert.fail(`${command} was not refused`);
  }

  async next(type) {
    const message = await this.inbox.next(type);
    assert.equal(message.type, type, JSON.stringify(message));
    return message;
  }

  async events(count) {
    const events = [];
    while (events.length < count) events.push(await this.next('event'));
    return events;
  }

  /** When this has been answered, whatever was said before it has been dealt with. */
  async settled() {
    assert.equal((await this.ask('ping')).type, 'pong');
  }

  end() { return within(this.closed, 'the end of the connection'); }
}

/** A bare TCP connection. */
export class Raw {
  #changed = () => {};

  constructor(socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.hasEnded = false;
    socket.on('data', data => {
      this.received = Buffer.concat([this.received, data]);
      this.#changed();
    });
    const end = () => {
      this.hasEnded = true;
      this.#changed();
    };
    socket.on('error', end).on('end', end).on('close', end);
  }

  async until(fits, what) {
    while (!fits()) {
      if (this.hasEnded) throw new Error(`${what}: the connection has ended after ${this.received.length} bytes`);
      await within(new Promise(resolve => { this.#changed = resolve; }), what);
    }
  }

  async ended() {
    while (!this.hasEnded) await within(new Promise(resolve => { this.#changed = resolve; }), 'the end of the connection');
  }

  /** Takes the answer's head off what was received. */
  async head() {
    const end = () => this.received.indexOf('\r\n\r\n');
    await this.until(() => end() >= 0, 'an HTTP answer');
    const head = this.received.subarray(0, end() + 4).toString('latin1');
    this.received = this.received.subarray(end() + 4);
    return head;
  }

  async upgrade(project = 'p') {
    this.socket.write(upgradeRequest({target: `/ws/${project}`}));
    const head = await this.head();
    assert.match(head, /^HTTP\/1\.1 101 /);
    return head;
  }

  /** The next frame of the server: `{opcode, payload}`. */
  async frame(what = 'a frame') {
    let header;
    await this.until(() => (header = readHeader(this.received)) !== null, what);
    await this.until(() => this.received.length >= header.begin + header.size, what);
    const payload = this.received.subarray(header.begin, header.begin + header.size);
    this.received = this.received.subarray(header.begin + header.size);
    return {opcode: header.opcode, payload};
  }

  async json() {
    const {opcode, payload} = await this.frame('a message');
    assert.equal(opcode, 1);
    return JSON.parse(payload);
  }

  /** The code of the next close frame; other frames are passed by. */
  async closeCode() {
    for (;;) {
      const {opcode, payload} = await this.frame('a close frame');
      if (opcode === 8) return payload.length === 0 ? 1005 : payload.readUInt16BE(0);
    }
  }
}

function readHeader(bytes) {
  if (bytes.length < 2) return null;
  assert.equal(bytes[0] & 0xf0, 0x80, 'a server sends whole, plain frames');
  assert.equal(bytes[1] & 0x80, 0, 'a server does not mask');
  const opcode = bytes[0] & 0x0f;
  const length = bytes[1];
  if (length < 126) return {opcode, begin: 2, size: length};
  if (length === 126) return bytes.length < 4 ? null : {opcode, begin: 4, size: bytes.readUInt16BE(2)};
  return bytes.length < 10 ? null : {opcode, begin: 10, size: Number(bytes.readBigUInt64BE(2))};
}

/** A client's frame; `first` is its first byte. */
export function frame(first, payload = '', {mask = true} = {}) {
  const body = Buffer.from(payload);
  const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  let header;
  if (body.length < 126) {
    header = Buffer.from([first, body.length]);
  } else if (body.length < 65_536) {
    header = Buffer.from([first, 126, body.length >> 8, body.length & 0xff]);
  } else {
    header = Buffer.alloc(10);
    header.set([first, 127]);
    header.writeBigUInt64BE(BigInt(body.length), 2);
  }
  if (!mask) return Buffer.concat([header, body]);
  header[1] |= 0x80;
  return Buffer.concat([header, key, body.map((byte, i) => byte ^ key[i % 4])]);
}

/** A proper request to upgrade, but for what is given. A header that is null is left out; `more` is put in as it is. */
export function upgradeRequest({method = 'GET', target = '/ws/p', version = 'HTTP/1.1', headers = {}, more = ''} = {}) {
  const all = {
    'Host': 'localhost',
    'Upgrade': 'websocket',
    'Connection': 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} ${version}\r\n${lines.join('')}${more}\r\n`;
}
