// A proxy between a client and its server: an address that stays while servers come and go, and lines that are slow,
// that stall, that end on one side, and that break at a chosen byte.
import {once} from 'node:events';
import net from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

/** Numbers that a seed decides. */
export class Chance {
  #state;

  constructor(seed) { this.#state = seed >>> 0; }

  /** One of 0 to n - 1. */
  below(n) {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  }

  /** True once in `n` times. */
  once(n) { return this.below(n) === 0; }
}

/** One direction of a line, and what is wrong with it, in any combination; positions are counted in bytes:
 *   delay     incoming bytes wait so many milliseconds; a function is called each time
 *   piece     at most so many bytes are passed on at once
 *   stallAt   from here on nothing is read, as if the receiver had fallen asleep; until `go()`
 *   endAt     here the receiver gets a FIN, and no more of what comes; the other direction goes on
 *   cutAt     here both ends get a reset */
class Way {
  #passed = 0;
  #wake = () => {};

  constructor(line, from, to, {delay = 0, piece = Infinity, stallAt = Infinity, endAt = Infinity, cutAt = Infinity} = {}) {
    Object.assign(this, {line, from, to, delay, piece, stallAt, endAt, cutAt});
    // Breaking a line wakes all that wait for it.
    this.#run().catch(() => {});
  }

  /** Nothing is read from now on, until `go()`. */
  stall() { this.stallAt = this.#passed; }

  go() {
    this.stallAt = Infinity;
    this.#wake();
  }

  async #run() {
    if (await this.#ends()) return;
    for await (const bytes of this.from.iterator({destroyOnReturn: false})) {
      const delay = typeof this.delay === 'function' ? this.delay() : this.delay;
      if (delay > 0) await sleep(delay);
      for (let at = 0; at < bytes.length;) {
        const next = Math.min(this.stallAt, this.endAt, this.cutAt) - this.#passed;
        const piece = bytes.subarray(at, at + Math.min(this.piece, next));
        if (!this.line.proxy.frozen) await new Promise((resolve) => this.to.write(piece, resolve));
        at += piece.length;
        this.#passed += piece.length;
        if (await this.#ends()) return;
      }
    }
    this.to.end();
  }

  /** Does what is due at this byte; whether nothing comes after it. */
  async #ends() {
    if (this.#passed >= this.cutAt) {
      this.line.cut();
      return true;
    }
    if (this.#passed >= this.endAt) {
      this.to.end();
      this.from.resume();
      return true;
    }
    while (this.#passed >= this.stallAt) await new Promise((resolve) => { this.#wake = resolve; });
    return false;
  }
}

/** A client's connection, and ours for it to the server. */
class Line {
  constructor(proxy, near, {up, down} = {}) {
    this.proxy = proxy;
    this.near = near;
    this.far = net.connect({port: proxy.target, host: '127.0.0.1', allowHalfOpen: true});
    const sockets = [this.near, this.far];
    for (const socket of sockets) {
      socket.setNoDelay(true);
      socket.on('error', () => sockets.forEach((one) => one.destroy()));
      socket.on('close', () => {
        if (sockets.every((one) => one.destroyed)) proxy.lines.delete(this);
      });
    }
    this.up = new Way(this, near, this.far, up);
    this.down = new Way(this, this.far, near, down);
  }

  /** It breaks, without a word of farewell. */
  cut() {
    this.near.resetAndDestroy();
    this.far.resetAndDestroy();
  }
}

/** A socket that was reset at the wrong moment keeps node 20 from ending: it waits for a write that never completes, in the
 * cleanup behind its `exit` event, for ever. `process.exit` leaves that cleanup out. */
let leavesCleanupOut = false;
function leaveCleanupOut() {
  if (!leavesCleanupOut) process.once('exit', () => process.exit());
  leavesCleanupOut = true;
}

export class Proxy {
  /** All lines there are. */
  lines = new Set();
  /** How many there were. */
  count = 0;
  frozen = false;

  /** Leads to `port`, which may be changed: `proxy.target = other.port`. `weather(n)` says what the line with that number,
   * from 0 on, has to suffer: `{up, down}`, each what `Way` may have. */
  static async start(t, port, {weather = () => ({})} = {}) {
    leaveCleanupOut();  // here, and not sooner, so that those who set the exit code are asked before
    const proxy = new Proxy();
    proxy.target = port;
    proxy.weather = weather;
    proxy.server = net.createServer({allowHalfOpen: true}, (near) => proxy.#join(near));
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    proxy.port = proxy.server.address().port;
    t?.after(() => proxy.end());
    return proxy;
  }

  get connections() { return this.lines.size; }

  #join(near) {
    // No server is there: as if the port were closed.
    if (this.target === null) return near.resetAndDestroy();
    this.lines.add(new Line(this, near, this.weather(this.count++)));
  }

  /** All lines break. */
  cut() {
    for (const line of [...this.lines]) line.cut();
  }

  /** From now on all bytes are lost silently: a dead network. */
  freeze() { this.frozen = true; }
  thaw() {
    this.frozen = false;
    this.cut();
  }

  async end() {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
