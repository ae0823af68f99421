/** hotline's client for browsers and node. The guide is docs/browser.md. All times are milliseconds. */

/** Opens a line to one project and keeps it open until `close()` or until the server says not to come back.
 *
 * `url` is that of the project's WebSocket, `/ws/demo` or `wss://host/ws/demo`; relative ones are taken from the page, and
 * `http` becomes `ws`. A worker made of a blob, a frame without an address (`about:`) and node have no page: there it has to
 * be absolute. A function is called again for each attempt (for a ticket that is good once); one that throws or rejects
 * makes the attempt fail. Throws a `TypeError` for an invalid URL and where there is no WebSocket, and a `HotlineError`
 * (`invalid_payload`) for a `token` or `events` with half a character; nothing else here throws into your code. */
export function connect(url: string | URL | (() => string | URL | Promise<string | URL>), options?: Options): Client;

/** The error with which calls reject, unless a signal has a reason of its own. */
export class HotlineError extends Error {
  /** The host's codes and the protocol's (`invalid_payload`, `forbidden`, …), and of this module:
   * `timeout` no answer within the call's time (the server may say it too);
   * `session_lost` the command was sent, and the session that would have been answered has ended: whether it ran is not known;
   * `too_big` over the server's `limits.message_bytes`, not sent;
   * `invalid_command` a name that breaks the rule `[A-Za-z0-9._:-]{1,64}`, not sent;
   * `invalid_payload` no object, or text that is cut inside a character (half a surrogate pair), not sent;
   * `closed` the client is closed. */
  readonly code: string;
  /** Whether the same call may do better later. */
  readonly retryable: boolean;
  constructor(code: string, message?: string, retryable?: boolean);
}

export interface Options {
  /** The token for the host's `authenticate`: sent as the query parameter `token`. A function, sync or async, is called
   * for each attempt, and again when three quarters of the time are over that the server gave (`expires_in`): then the
   * token is sent with `refresh`, and the connection stays. One that throws or rejects makes the attempt fail. */
  token?: string | (() => string | Promise<string>);
  /** Event types to subscribe to, from the first event on; without it the host's default, usually all. */
  events?: string[];
  /** Begin so many events back. */
  last?: number;
  /** A page that is closed, reloaded or left for good ends its session at once (1000). Without it such a session waits for
   * its window, as it does after a lost connection. A page in the browser's back/forward cache always keeps its session.
   * false. */
  goodbye?: boolean;
  /** The pause before attempt n (`attempt`, from 1) is a random part of `min(retryCap, retryBase * 2^(n-1))`, and what the
   * server asks for on top. 500 and 30000. */
  retryBase?: number;
  retryCap?: number;
  /** How long a connection has to live for the next pause to be a short one again. 5000. */
  steadyAfter?: number;
  /** From the attempt's start to the server's first message. The time in which other tabs of this origin wait for the same
   * server does not count, for browsers let one after the other connect. 10000. */
  connectTimeout?: number;
  /** Between two pings. The server's interval by default, usually 30000. */
  pingInterval?: number;
  /** How long to wait for one. 10000. */
  pingTimeout?: number;
  /** For calls that say nothing else; waiting for a connection counts. 0: for ever. 60000. */
  callTimeout?: number;
  /** Receives what listeners throw, and the server's `error` messages. `console.error` by default. */
  onError?(error: unknown): void;
  /** The class to use; the global one by default. In node before 22: `import {WebSocket} from 'ws'`. */
  WebSocket?: new (url: string) => any;
  /** For tests: clock, timers, random numbers, and the window whose events the client listens to. */
  env?: {
    setTimeout?(f: () => void, ms: number): any;
    clearTimeout?(timer: any): void;
    now?(): number;
    random?(): number;
    window?: any;
  };
}

export interface Client {
  readonly state: State;
  /** The server's `connected` message of this connection; undefined before the first. */
  readonly session: Session | undefined;
  /** The newest event's number that this client knows of. */
  readonly seq: number;
  /** When the last message from the server came, in milliseconds since 1970; 0: none yet. */
  readonly heardAt: number;
  /** The subscription, as the server last confirmed it; undefined while it is the host's default. */
  readonly subscriptions: string[] | undefined;

  /** The session, now or once there is one; rejects once the client is closed. */
  ready(): Promise<Session>;

  /** Calls the listener for events of a type, for the host's own messages by their `type`, or with `'*'` for all of
   * these. Returns a function that removes it. Adding a listener does not subscribe. */
  on<T = Record<string, any>>(type: string, listener: (event: Event & T) => unknown): () => void;
  /** Calls the listener at each change of `state`. */
  onState(listener: (change: StateChange) => unknown): () => void;
  /** Events are missing and will not come: load your state again. */
  onGap(listener: (gap: Gap) => unknown): () => void;

  /** Subscribes to these event types too (`'*'`: all); the first call ends the default. It waits for a connection, and
   * the client repeats it in a new session. Resolves with the subscription. */
  subscribe(...types: (string | string[])[]): Promise<string[]>;
  unsubscribe(...types: (string | string[])[]): Promise<string[]>;

  /** Runs a command; resolves with its result, rejects with a `HotlineError` or with the signal's reason, and with what
   * `JSON.stringify` throws for a payload that it cannot write (a `bigint`, a cycle). Without a connection it waits for
   * one. A command runs once: after a lost connection it is sent again with the same id, which
   * the server knows; when the session could not go on, it is rejected with `session_lost`, unless it is `idempotent`. */
  call<T = any>(name: string, payload?: object, options?: CallOptions): Promise<T>;

  /** Does not wait: tries now, or finds out now whether the server is still there. */
  check(): void;
  /** Ends the session for good; without a connection the server learns it when the session's window is over. Calls and
   * waits are rejected with `closed`. */
  close(reason?: string): void;
}

export interface CallOptions {
  /** 0: wait for ever. */
  timeout?: number;
  /** Ends the wait; the server is asked to cancel what it has begun, as it is after a timeout. */
  signal?: AbortSignal;
  onProgress?(progress: any): void;
  /** Running it twice does no harm: instead of `session_lost`, or of the server's `answer_forgotten`, it is asked once
   * more. */
  idempotent?: boolean;
}

/** `waiting`: for the next attempt. `closed` is the end. */
export type State = 'connecting' | 'live' | 'waiting' | 'closed';

export interface StateChange {
  state: State;
  /** For people. With `live`: why the session could not go on (`Gap.reason`), or nothing. */
  reason: string;
  /** With `waiting` and `closed`: the close code; 1006 where there was none. */
  code?: number;
  /** With `waiting`: when the next attempt begins, in milliseconds since 1970 (absent while the page is frozen, for it
   * begins when the page is shown), and its number. */
  retryAt?: number;
  attempt?: number;
  /** With `live`: whether this is the session that was there before, and how many events it was away for. */
  resumed?: boolean;
  missed?: number;
}

export interface Gap {
  type: 'gap';
  /** `evicted`: they are no longer kept. `epoch_changed`: the server's numbering began again. `expired`, `unknown_token`:
   * the session was detached too long, or is gone. `new_session`: the server keeps none. */
  reason: 'evicted' | 'epoch_changed' | 'expired' | 'unknown_token' | 'new_session' | (string & {});
  /** Which events, both included, where that can be said. */
  from?: number;
  to?: number;
}

/** The `connected` message. */
export interface Session {
  connection_id: string;
  project_id: string;
  protocol: number;
  epoch: string;
  seq: number;
  timestamp: number;
  resumed: boolean;
  reason?: string;
  resume?: {token: string; window: number};
  heartbeat: {interval: number; timeout: number};
  limits?: {message_bytes: number; subscriptions: number; commands_in_flight: number};
  /** The subscription at the start, where the host decides it. */
  events?: string[];
  /** In how many seconds the server wants a new token. */
  expires_in?: number;
  [more: string]: any;
}

/** An integer of up to 64 bits as text, the way to send one through JSON: a number here is exact up to 2^53 - 1
 * (`Number.MAX_SAFE_INTEGER`) and silently another one beyond. `BigInt(text)` reads it, `String(value)` writes it.
 *
 *     client.on<{order_id: Int64Text}>('ordered', (event) => show(BigInt(event.order_id))); */
export type Int64Text = `${bigint}`;

export interface Event {
  type: string;
  timestamp: number;
  project_id: string;
  /** Absent in what the host sent to this connection alone. */
  seq?: number;
  /** With `type: 'event'`. */
  event_type?: string;
}
