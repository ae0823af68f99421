// Starts programs that use hotline on ports of their own choosing, and speaks to them as a client would. Everything
// waits for events; the one clock is the watchdog, which fails a step that waits for what never comes.
import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {WebSocket} from 'ws';
import {within} from './patience.mjs';

export {within};

/** Where the examples are: HOTLINE_EXAMPLES, or below the build directory that was named on the command line. */
export const examples = process.env.HOTLINE_EXAMPLES ?? join(process.argv[2] ?? 'build', 'examples');
/** Where the programs made for end-to-end tests are. */
export const helpers = process.env.HOTLINE_E2E ?? join(process.argv[2] ?? 'build', 'tests');

/** A running program that has said where it listens. */
export class Program {
  static running = new Set();

  static async start(path, ...args) {
    const program = new Program(path, ['--port', '0', ...args]);
    const line = await program.line(/^listening on (https?:\/\/127\.0\.0\.1:(\d+))$/);
    [, program.url, program.port] = line;
    return program;
  }

  constructor(path, args) {
    this.name = path;
    this.lines = [];
    this.errors = '';
    this.waiting = [];
    this.process = spawn(path, args, {stdio: ['pipe', 'pipe', 'pipe']});
    this.process.stdin.on('error', () => {});  // it has ended, or does not read
    Program.running.add(this);
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        Program.running.delete(this);
        resolve({code, signal});
        for (const {reject} of this.waiting) reject(new Error(`${path} ended: ${code ?? signal} ${this.errors}`));
      });
    });
    this.ended.catch(() => {});
    let rest = '';
    this.process.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.lines.push(...lines);
      this.#look();
    });
    this.process.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
  }

  /** The first line on standard output that matches, past or to come. */
  line(pattern) {
    const found = new Promise((resolve, reject) => this.waiting.push({pattern, resolve, reject}));
    this.#look();
    return within(Promise.race([found, this.ended.then(() => found)]), `${this.name} to say ${pattern}`);
  }

  /** Moves the clock of a program with a steered one on (steered_clock.hpp). Things that are due then happen at its next
   * tick. */
  advance(ms) {
    this.process.stdin.write(`${ms}\n`);
  }

  /** Sends SIGTERM; how it ended: {code, signal}. */
  stop() {
    this.process.kill('SIGTERM');
    return within(this.ended, `${this.name} to end`);
  }

  #look() {
    this.waiting = this.waiting.filter(({pattern, resolve}) => {
      const match = this.lines.map((line) => pattern.exec(line)).find(Boolean);
      if (match) resolve(match);
      return !match;
    });
  }
}

/** A WebSocket client that keeps what it is sent until it is asked for. */
export class Client {
  static async connect(program, project, options = {}) {
    const client = new Client(`ws://127.0.0.1:${program.port}/ws/${project}`, options);
    client.hello = await client.next((m) => m.type === 'connected');
    return client;
  }

  constructor(url, options) {
    this.kept = [];
    this.texts = [];
    this.waiting = [];
    this.pings = 0;
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (data) => {
      this.texts.push(String(data));
      this.kept.push(JSON.parse(data));
      this.#look();
    });
    this.socket.on('ping', () => {
      ++this.pings;
      this.#look();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({code, reason: String(reason)}));
    });
    this.failed = new Promise((_, reject) => this.socket.on('error', reject));
    this.failed.catch(() => {});
  }

  send(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The first message that matches; those before it are passed by. */
  next(matches = () => true) {
    const found = new Promise((resolve) => this.waiting.push({matches, resolve}));
    this.#look();
    return within(Promise.race([found, this.failed]), `a message: ${matches}`);
  }

  event(type) {
    return this.next((m) => m.type === 'event' && m.event_type === type);
  }

  /** The terminal answer to a command. */
  async call(command, payload, id = `call-${Math.random()}`) {
    this.send({command, id, payload});
    return this.next((m) => m.id === id && m.type !== 'command_progress');
  }

  pinged(times) {
    const found = new Promise((resolve) => this.waiting.push({times, resolve}));
    this.#look();
    return within(found, `${times} pings`);
  }

  #look() {
    this.waiting = this.waiting.filter(({matches, times, resolve}) => {
      if (times !== undefined) {
        if (this.pings < times) return true;
        resolve();
        return false;
      }
      while (this.kept.length > 0) {
        const message = this.kept.shift();
        if (!matches(message)) continue;
        resolve(message);
        return false;
      }
      return true;
    });
  }
}

/** For programs whose clock is the machine's: `test` is given a time in seconds that the program is to allow for something.
 * While it fails it is given twice as much, from `from` up to `upTo`, so that a slow machine passes as well. */
export async function withEnoughTime({from, upTo}, test) {
  for (let time = from;; time *= 2) {
    try {
      return await test(time);
    } catch (error) {
      if (2 * time > upTo) throw error;
      console.log(`# with ${time} s: ${error.message}`);
    }
  }
}

/** Runs [name, function] pairs one after the other, prints ok / not ok for each, and ends the process. */
export async function run(tests) {
  let failures = 0;
  for (const [name, test] of tests) {
    try {
      await test();
      console.log(`ok ${name}`);
    } catch (error) {
      ++failures;
      console.log(`not ok ${name}\n  ${String(error.stack).replaceAll('\n', '\n  ')}`);
    }
    await Promise.all([...Program.running].map((program) => {
      program.process.kill('SIGKILL');
      return program.ended.catch(() => {});
    }));
  }
  process.exit(failures === 0 ? 0 : 1);
}
