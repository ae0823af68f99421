// A world for the client in which nothing happens by itself: its clock, its sockets and its window are ours.
import {connect} from '../../include/hotline/browser/hotline.js';

/** Lets everything that is ready happen. */
export const settle = () => new Promise(setImmediate);

/** Timers that fire when `advance` comes to them, in their order. */
class Clock {
  now = 1_000_000;
  #timers = new Map();
  #last = 0;

  setTimeout = (f, ms) => {
    this.#timers.set(++this.#last, {f, due: this.now + ms});
    return this.#last;
  };
  clearTimeout = (timer) => { this.#timers.delete(timer); };
  get pending() { return this.#timers.size; }

  async advance(ms) {
    const until = this.now + ms;
    await settle();
    for (;;) {
      const next = [...this.#timers].filter(([, {due}]) => due <= until).sort(([, a], [, b]) => a.due - b.due)[0];
      if (!next) break;
      this.#timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].due);
      next[1].f();
      await settle();
    }
    this.now = until;
  }

  /** The machine sleeps: time passes and no timer notices. Then it wakes, and those that are late fire. */
  async sleep(ms) {
    this.now += ms;
    await this.advance(0);
  }
}

class Socket {
  sent = [];
  closed = null;

  constructor(url, world) {
    this.url = new URL(url);
    world.sockets.push(this);
  }
  get query() { return Object.fromEntries(this.url.searchParams); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close(code, reason) {
    this.closed = code;
    this.reason = reason;
  }
  /** The handshake is done. */
  open() { this.onopen?.({}); }
  /** The messages sent since the last call. */
  take() { return this.sent.splice(0); }
  say(message) { this.onmessage({data: JSON.stringify(message)}); }
  event(seq, event_type = 'tick', more = {}) { this.say({type: 'event', event_type, seq, timestamp: 1, project_id: 'p', ...more}); }
  end(code = 1006, reason = '') { this.onclose({code, reason}); }
}

/** The things that tabs of one browser share: time, and a BroadcastChannel of their own. */
export class Browser {
  clock = new Clock();
  channels = new Set();

  constructor() {
    const browser = this;
    this.BroadcastChannel = class {
      constructor(name) {
        this.name = name;
        browser.channels.add(this);
      }
      postMessage(data) {
        for (const other of [...browser.channels]) if (other !== this && other.name === this.name) other.onmessage?.({data});
      }
      close() { browser.channels.delete(this); }
    };
  }
}

export class ClientWorld {
  sockets = [];
  errors = [];
  states = [];
  gaps = [];
  heard = [];
  random = 0.5;
  window = Object.assign(new EventTarget(), {
    location: new URL('https://app.example/page?x#y'), navigator: {onLine: true},
    document: Object.assign(new EventTarget(), {visibilityState: 'visible'}),
  });

  /** `window`: what this page's window has besides. */
  constructor(options = {}, url = '/ws/p', {browser = new Browser(), window = {}} = {}) {
    const world = this;
    this.clock = browser.clock;
    Object.assign(this.window, {BroadcastChannel: browser.BroadcastChannel}, window);
    this.client = connect(url, {
      WebSocket: class { constructor(target) { return new Socket(target, world); } },
      onError: (error) => this.errors.push(error),
      ...options,
      env: {
        setTimeout: this.clock.setTimeout, clearTimeout: this.clock.clearTimeout, now: () => this.clock.now,
        random: () => this.random, window: this.window,
      },
    });
    this.client.onState((change) => this.states.push(change));
    this.client.onGap((gap) => this.gaps.push(gap));
    this.client.on('*', (event) => this.heard.push(event.seq));
  }

  get socket() { return this.sockets.at(-1); }
  get state() { return this.states.at(-1); }

  /** The socket that is being opened is greeted. */
  async greet(more = {}) {
    await settle();
    this.socket.say({
      type: 'connected', timestamp: 1, connection_id: 'c', project_id: 'p', protocol: 1, epoch: 'e1', seq: 0, resumed: false,
      resume: {token: `token ${this.sockets.length}`, window: 60}, heartbeat: {interval: 30, timeout: 90},
      limits: {message_bytes: 1000, subscriptions: 128, commands_in_flight: 4}, ...more,
    });
    await settle();
  }
  resumed(more = {}) { return this.greet({resumed: true, ...more}); }

  /** The socket is lost and the next one is being opened. */
  async drop(code, reason) {
    this.socket.end(code, reason);
    await this.clock.advance(this.state.retryAt - this.clock.now);
  }

  /** An event of the window, or of its document. */
  async happen(type, more = {}, target = this.window) {
    target.dispatchEvent(Object.assign(new globalThis.Event(type), more));
    await settle();
  }
}

/** The outcome of a promise: `{value}`, `{error}` or nothing yet. */
export function outcome(promise) {
  const told = {};
  promise.then((value) => { told.value = value; }, (error) => { told.error = error; });
  return told;
}
