// A client that comes back however often it is thrown off, and holds the server to its promises all the while: every event
// once and in order, or a gap that says what is missing; every command answered as often as it was sent at most, and
// always the same. Written for tests, so that it shares nothing with the client that hotline ships.
import WebSocket from 'ws';
import {within} from './harness.mjs';

export class ReturningClient {
  events = new Map();  // texts by number
  gaps = [];
  violations = [];
  connects = 0;  // times that it was greeted
  lost = 0;      // sessions that could not go on
  at = 0;
  #asked = new Map();
  #lastId = 0;
  #waiting = new Set();
  #ended = false;

  /** `patience`: in milliseconds; a server that says nothing for so long, though it was asked, is given up. Each time that
   * this brought nothing new it takes twice as long, so that a slow machine gets through as well. `Infinity`: never. */
  constructor(url, {patience = 1_000, ...socket} = {}) {
    Object.assign(this, {url, socketOptions: socket});
    this.#patience = this.#wait = patience;
    this.#dial();
  }

  set patience(ms) {
    this.#patience = this.#wait = ms;
    if (this.#socket) this.#watch(this.#socket);
  }

  static async start(t, url, options) {
    const client = new ReturningClient(url, options);
    t.after(() => client.end());
    await client.until(() => client.connects > 0, 'the first greeting');
    return client;
  }

  /** Until it is so. A broken promise ends every wait. */
  until(is, what) {
    return within(new Promise((resolve, reject) => {
      this.#waiting.add({is, resolve, reject});
      this.#look();
    }), `${what} (${this.connects} connections, heard up to ${this.at})`);
  }

  /** Until it has received everything up to `seq`, gaps included. */
  hears(seq) { return this.until(() => this.at >= seq, `event ${seq}`); }

  /** The terminal answer to a command that is sent until it is answered. */
  async ask(command, payload) {
    const id = `${++this.#lastId}`;
    const asked = {text: JSON.stringify({command, id, payload}), sent: 0, answers: []};
    this.#asked.set(id, asked);
    if (this.#live) this.#send(asked);
    await this.until(() => asked.answers.length > 0, `the answer to ${asked.text}`);
    return JSON.parse(asked.answers[0]);
  }

  /** Without a goodbye. Pending waits fail. */
  end() {
    this.#ended = true;
    for (const {reject} of this.#waiting) reject(new Error('the client was ended'));
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  #socket;
  #live = false;
  #timer;
  #heard = false;
  #patience;
  #wait;

  #dial() {
    if (this.#ended) return;
    const resume = this.token
      ? `?resume=${this.token}&epoch=${this.epoch}&after=${this.at}&on_gap=continue` : '';
    const socket = new WebSocket(this.url + resume, {perMessageDeflate: false, ...this.socketOptions});
    this.#socket = socket;
    this.#live = false;
    socket.on('error', () => {});
    socket.on('close', () => this.#gone(socket));
    socket.on('ping', () => { this.#heard = true; });
    socket.on('message', (data) => { if (socket === this.#socket) this.#receive(String(data)); });
    this.#heard = true;
    this.#watch(socket);
  }

  #watch(socket) {
    clearTimeout(this.#timer);
    if (this.#wait === Infinity) return;
    this.#timer = setTimeout(() => {
      if (!this.#heard) {
        this.#wait *= 2;
        return this.#gone(socket);
      }
      this.#heard = false;
      if (this.#live) socket.send('{"command":"ping"}');
      this.#watch(socket);
    }, this.#wait);
  }

  #gone(socket) {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#live = false;
    socket.terminate();
    clearTimeout(this.#timer);
    if (!this.#ended) this.#timer = setTimeout(() => this.#dial(), 5);
  }

  #send(asked) {
    ++asked.sent;
    this.#socket.send(asked.text);
  }

  #receive(text) {
    this.#heard = true;
    try {
      const message = JSON.parse(text);
      switch (message.type) {
        case 'connected': this.#greeted(message); break;
        case 'gap': this.#missed(message); break;
        case 'position': this.#passed(message); break;
        case 'pong': case 'disconnected': case 'command_progress': break;
        case 'command_response': case 'command_error': this.#answered(message); break;
        case 'event': this.#told(message.seq, text); break;
        default: throw new Error('not expected');
      }
    } catch (error) {
      this.violations.push(`${error.message}: ${text.slice(0, 200)}`);
    }
    this.#look();
  }

  #greeted(hello) {
    ++this.connects;
    if (this.token !== undefined && !hello.resumed) {
      ++this.lost;
      throw new Error('the session could not go on');
    }
    if (!hello.resumed) this.at = hello.seq;
    this.token = hello.resume.token;
    this.epoch = hello.epoch;
    this.#live = true;
    for (const asked of this.#asked.values()) if (asked.answers.length === 0) this.#send(asked);
  }

  #told(seq, text) {
    if (seq !== this.at + 1) throw new Error(`behind event ${this.at}`);
    this.at = seq;
    this.#wait = this.#patience;
    this.events.set(seq, text);
  }

  #missed({from, to}) {
    if (from !== this.at + 1 || to < from) throw new Error(`a gap behind event ${this.at}`);
    this.gaps.push([from, to]);
    this.at = to;
  }

  #passed({seq}) {
    if (seq > this.at) throw new Error(`a position ahead of event ${this.at}, and everything is heard`);
  }

  #answered({timestamp, id, ...answer}) {
    const asked = this.#asked.get(id), text = JSON.stringify(answer);
    if (asked === undefined) throw new Error('an answer that nobody asked for');
    asked.answers.push(text);
    this.#wait = this.#patience;
    if (asked.answers.length > asked.sent) throw new Error(`answered more than the ${asked.sent} times that it was sent`);
    if (text !== asked.answers[0]) throw new Error(`answered ${asked.answers[0]} before`);
  }

  #look() {
    for (const one of [...this.#waiting]) {
      const broken = this.violations.length > 0;
      if (!broken && !one.is()) continue;
      this.#waiting.delete(one);
      broken ? one.reject(new Error(this.violations.join('\n'))) : one.resolve();
    }
  }
}
