// hotline's client for browsers and node: see hotline.d.ts for what it promises, docs/protocol.md for what it speaks.

const ALL = '*', STATE = '$state', GAP = '$gap';  // no event type has these characters
const WINDOW_EVENTS = ['online', 'offline', 'pageshow', 'pagehide', 'visibilitychange'];
const DOCUMENT_EVENTS = ['freeze', 'resume'];

export class HotlineError extends Error {
  constructor(code, message, retryable = false) {
    super(message || code);
    this.name = 'HotlineError';
    this.code = code;
    this.retryable = retryable;
  }
}

// Half a surrogate pair is no text. `JSON.stringify` writes it as \udXXX, which servers refuse.
function checkText(what, json) {
  if (/\\ud/.test(json.replace(/\\\\/g, '')))
    throw new HotlineError('invalid_payload', `${what}: text is cut inside a character`);
}

export function connect(url, options = {}) {
  const {
    token, events, last = 0, goodbye = false, retryBase = 500, retryCap = 30000, steadyAfter = 5000,
    connectTimeout = 10000, pingInterval, pingTimeout = 10000, callTimeout = 60000,
    onError = (error) => console.error(error),
  } = options;
  const env = {
    setTimeout: (f, ms) => setTimeout(f, ms), clearTimeout: (timer) => clearTimeout(timer),
    now: () => Date.now(), random: () => Math.random(), window: globalThis, ...options.env,
  };
  const Socket = options.WebSocket ?? globalThis.WebSocket, base = env.window.location?.href;
  if (!Socket) throw new TypeError('there is no WebSocket here: pass one as an option');
  const asked = (value) => typeof value === 'function' ? value() : value;
  if (typeof url !== 'function') url = absolute(url).href;
  checkText('token and events', JSON.stringify([token, events]));

  const listeners = new Map(), calls = new Map(), waiters = new Set(), timers = {};
  let state = 'connecting', socket, session, farewell, ending;
  let cursor = 0, lastId = 0, attempt = 0, liveSince = 0, heardAt = 0;
  let subscribed = events, filtering, holding, hurried, answered, frozen, queue;

  // ---- listeners and timers

  function report(error) {
    try { onError(error); } catch { /* no one is left to notify */ }
  }

  function listen(key, fn) {
    const entry = {fn};
    const all = listeners.get(key) ?? new Set();
    listeners.set(key, all.add(entry));
    return () => { all.delete(entry); };
  }

  function tell(key, message) {
    const all = listeners.get(key) ?? new Set();
    for (const entry of [...all]) {
      if (!all.has(entry)) continue;
      try { entry.fn(message)?.then?.(null, report); } catch (error) { report(error); }
    }
  }

  function become(next, detail) {
    state = next;
    tell(STATE, {state, ...detail});
  }

  function after(name, ms, f) {
    env.clearTimeout(timers[name]);
    timers[name] = env.setTimeout(f, ms);
  }

  // ---- the socket

  const send = (message) => socket.send(JSON.stringify(message));

  // Blob workers, about: frames and node have no URL that a relative one could be taken from.
  function absolute(value) {
    let target;
    try {
      target = new URL(value, base);
      target.protocol = target.protocol.replace('http', 'ws');
    } catch { /* said below */ }
    if (/^wss?:$/.test(target?.protocol)) return target;
    throw new TypeError(
      `"${value}" is no WebSocket's URL in ${base ?? 'node'}: an absolute one is needed, such as wss://example.org/ws/demo`);
  }

  async function open() {
    const mine = socket = {};
    frozen = false;
    watch();
    waitForAnswer();
    become('connecting', {reason: ''});
    try {
      const target = absolute(await asked(url)), shown = await asked(token);
      if (socket !== mine) return;
      checkText('token', JSON.stringify([shown]));
      const ask = session?.resume ? {resume: session.resume.token, epoch: session.epoch, after: cursor, on_gap: 'continue'}
        : last && !session ? {last} : {};
      if (shown) ask.token = shown;
      for (const name in ask) target.searchParams.set(name, ask[name]);
      const made = socket = new Socket(target.href);
      enqueue(target.host);
      made.onopen = () => { if (socket === made) dequeue(); };
      made.onmessage = ({data}) => {
        if (socket !== made) return;
        try { receive(JSON.parse(data)); } catch (error) { report(error); }
      };
      made.onclose = ({code, reason}) => {
        const ended = (why) => { if (socket === made) lost(code, why || reason); };
        if (code === 1006 && state === 'connecting' && mayBeDenied(target)) denied().catch(() => {}).then(ended);
        else ended();
      };
      made.onerror = () => {};  // `close` follows
    } catch (error) {
      if (socket === mine) lost(1006, error.message);
    }
  }

  function waitForAnswer() {
    after('dial', connectTimeout, () => lost(1006));
  }

  // Browsers open WebSockets to an address one by one, over all tabs, and do not say whose turn it is. So each attempt
  // announces its end, and the time of those that began later starts again.
  function enqueue(host) {
    try {
      queue = {since: env.now(), channel: new env.window.BroadcastChannel(`hotline ${host}`)};
      queue.channel.onmessage = ({data}) => { if (data < queue?.since + 1000) waitForAnswer(); };
    } catch { /* there is none here */ }
  }

  function dequeue() {
    queue?.channel.postMessage(queue.since);
    queue?.channel.close();
    queue = undefined;
  }

  // Chromium keeps some pages from their visitor's machine and network, and only the permission shows it. The server's own
  // pages need none, and who was connected had it. Insecure pages never have it, so for them another port of the same host
  // is no sign.
  function mayBeDenied(target) {
    const {navigator, isSecureContext, location} = env.window, part = isSecureContext ? 'host' : 'hostname';
    return !session && navigator?.permissions && navigator.onLine !== false && target[part] !== location?.[part];
  }

  async function denied() {
    for (const name of ['loopback-network', 'local-network', 'local-network-access']) {
      const {state} = await env.window.navigator.permissions.query({name}).catch(() => ({}));
      if (state === 'denied') return `this page is denied the local network (${name}), where the server may be`;
    }
  }

  function drop(code, reason) {
    const old = socket;
    socket = farewell = undefined;
    for (const name of ['dial', 'beat', 'renew']) env.clearTimeout(timers[name]);
    try { old?.close?.(code, reason); } catch { /* it is gone */ }
    dequeue();
  }

  function lost(code, reason) {
    const told = farewell ?? {};
    const wasLive = state === 'live', steady = wasLive && env.now() - liveSince >= steadyAfter;
    drop(4000, reason);  // a code that lets the session go on
    code = told.code ?? code;
    reason = told.reason || reason || (env.window.navigator?.onLine === false ? 'this device is offline'
      : wasLive ? 'the connection was lost' : 'the server does not answer');
    if (told.reconnect === false) return end(code, reason);  // a close that the server did not announce is none of its own
    if (steady) attempt = 0;
    if (frozen) return become('waiting', {code, reason, attempt});
    const wait = 1000 * (told.retry_after || 0) + env.random() * Math.min(retryCap, retryBase * 2 ** attempt++);
    after('dial', wait, open);
    become('waiting', {code, reason, attempt, retryAt: env.now() + wait});
  }

  // Nothing of this page will run, and the browser would still answer the server's pings for it.
  function freeze() {
    if (frozen) return;
    frozen = true;
    env.clearTimeout(timers.watch);
    lost(4000, 'the page is frozen');
  }

  function end(code, reason) {
    if (ending) return;
    ending = new HotlineError('closed', reason);
    drop(1000);
    for (const name in timers) env.clearTimeout(timers[name]);
    watchWindow('removeEventListener');
    state = 'closed';
    for (const call of [...calls.values()]) call.fail(ending);
    for (const {reject} of waiters) reject(ending);
    become('closed', {code, reason});
  }

  // ---- what the server says

  function receive(message) {
    const {type, seq, id} = message;
    const call = calls.get(id);
    heardAt = env.now();
    answered = true;
    switch (type) {
      case 'connected': return greeted(message);
      case 'disconnected': farewell = message; return;
      case 'error': return report(new HotlineError(message.code, message.message));
      case 'position': if (seq > cursor) cursor = seq; return;
      case 'pong':  // its seq may be ahead of events that are still to come
        if (holding) { holding = false; flush(); }
        return;
      case 'gap':
        if (message.to <= cursor) return;
        cursor = message.to;
        return tell(GAP, message);
      case 'command_progress':
        try { call?.onProgress?.(message.progress); } catch (error) { report(error); }
        return;
      case 'command_error':
        if (message.error.code === 'rate_limited' && (call || id === 0)) return slowDown(call);
        if (id === 0) report(new HotlineError(message.error.code, message.error.message));
        // It ran, and only another run brings its result.
        if (call?.again && message.error.code === 'answer_forgotten') {
          calls.delete(id);
          return enter(call);
        }
        return call?.fail(new HotlineError(message.error.code, message.error.message, message.error.retryable));
      case 'command_response':
        if (id === 0) filtering = false;
        if (/^(un)?subscribe$/.test(message.command)) {
          subscribed = message.result.events;
          // All that came up to here is in order. A repeated answer may be ahead of the replay.
          if ((!session.resumed || call?.first === socket) && message.result.seq > cursor) cursor = message.result.seq;
        }
        return call?.done(message.result);
    }
    const key = type === 'event' ? message.event_type : type;
    if (seq !== undefined) {
      if (seq <= cursor) return;
      cursor = seq;
      if (filtering && ![key, ALL].some((name) => subscribed.includes(name))) return;
    }
    tell(key, message);
    tell(ALL, message);
  }

  function greeted(hello) {
    const before = session, {seq, epoch, resumed, reason} = hello, missed = seq - cursor;
    const range = before?.epoch === epoch && missed > 0 && {from: cursor + 1, to: seq};
    session = hello;
    liveSince = env.now();
    env.clearTimeout(timers.dial);
    renewIn(hello.expires_in);
    if (resumed) {
      if (subscribed && hello.events) subscribed = hello.events;
      // Answers that waited for us come before the pong: only then is it known what must be sent again.
      holding = filtering || [...calls.values()].some((call) => call.first);
    } else {
      cursor = before ? seq : Math.max(0, seq - last);
      holding = false;
      filtering = !!subscribed;
    }
    for (const call of [...calls.values()]) {
      if (!resumed && call.first && !call.again)
        call.fail(new HotlineError('session_lost', 'the session ended before the answer came'));
      else if (tooBig(call)) call.fail(tooBig(call));
    }
    holding ? ask(pingTimeout) : rest();
    for (const {resolve} of waiters) resolve(hello);
    waiters.clear();
    const here = socket;
    become('live', {resumed, reason: reason ?? '', missed: resumed ? missed : 0});
    if (before && !resumed && socket === here)
      tell(GAP, {type: 'gap', reason: reason ?? 'new_session', ...range});
    flush();
  }

  // ---- commands

  function flush() {
    if (state !== 'live' || holding || hurried) return;
    if (filtering && filtering !== socket) {
      filtering = socket;
      send({command: 'subscribe', id: 0, payload: {events: subscribed}});
    }
    const most = session.limits?.commands_in_flight ?? 64;
    let busy = 0;
    for (const call of calls.values()) busy += call.over === socket;
    for (const call of calls.values()) {
      if (call.over === socket || (busy >= most && !call.urgent)) continue;
      ++busy;
      call.over = socket;
      call.first ??= socket;
      socket.send(`{"id":${call.id},${call.body}`);
    }
  }

  // It was not run, for we sent too much at once: it goes again, and all else behind it, when the server has had a rest.
  function slowDown(call) {
    if (!call) filtering = true;
    else if (call.first === socket) call.first = call.over = undefined;
    else call.over = undefined;
    hurried = true;
    after('pace', 1000, () => { hurried = false; flush(); });
  }

  function enter(call) {
    call.id = ++lastId;
    call.over = call.first = undefined;
    calls.set(call.id, call);
    flush();
  }

  function tooBig({bytes}) {
    const most = session?.limits?.message_bytes;
    return most && bytes > most && new HotlineError('too_big', `a message may have ${most} bytes`);
  }

  // `again`: may be sent to another session as well. `urgent`: answered at once, so no limit holds it back.
  function call(command, payload, {timeout = callTimeout, signal, onProgress, idempotent: again, urgent} = {}) {
    return new Promise((resolve, reject) => {
      if (ending) throw ending;
      if (signal?.aborted) throw signal.reason;
      if (typeof command !== 'string' || !/^[\w.:-]{1,64}$/.test(command))
        throw new HotlineError('invalid_command', 'a command matches [A-Za-z0-9._:-]{1,64}');
      const json = JSON.stringify(payload), body = `"command":"${command}"${json ? `,"payload":${json}` : ''}}`;
      if (payload !== undefined && json?.[0] !== '{')
        throw new HotlineError('invalid_payload', 'payload: expected object');
      checkText('payload', body);
      const bytes = new TextEncoder().encode(body).length + 24;  // the id's place
      if (tooBig({bytes})) throw tooBig({bytes});
      const settle = (how) => (value) => {
        calls.delete(made.id);
        env.clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        how(value);
        flush();
      };
      const made = {body, bytes, again, urgent, onProgress, done: settle(resolve), fail: settle(reject)};
      const giveUp = (error) => {
        made.fail(error);
        if (made.first && !urgent) call('cancel', {id: made.id}, {urgent: true}).catch(() => {});
      };
      const aborted = () => giveUp(signal.reason);
      const timer = timeout > 0 && timeout < 2 ** 31 && env.setTimeout(
        () => giveUp(new HotlineError('timeout', 'no answer in time', true)), timeout);
      signal?.addEventListener('abort', aborted);
      enter(made);
    });
  }

  const filter = (command) => (...types) =>
    call(command, {events: types.flat()}, {idempotent: true, urgent: true}).then((result) => result.events);

  // ---- staying who one is

  function renewIn(seconds) {
    if (seconds && typeof token === 'function') after('renew', Math.min(seconds * 750, 2 ** 31 - 1), renew);
  }

  // After a failure the server closes the connection in the end, and a new token brings the session back.
  async function renew() {
    const here = socket;
    try {
      const shown = await token();
      if (socket !== here) return;
      const {expires_in, events} = await call('refresh', {token: shown});
      if (socket !== here) return;
      if (subscribed) subscribed = events;
      renewIn(expires_in);
    } catch (error) {
      if (socket === here) report(error);
    }
  }

  // ---- signs of life

  function rest() {
    after('beat', pingInterval ?? (session.heartbeat?.interval * 1000 || 30000), () => ask(pingTimeout));
  }

  function ask(patience) {
    const due = env.now() + patience;
    answered = false;
    send({command: 'ping'});
    after('beat', patience, () => {
      if (answered) rest();
      else if (env.now() > due + 2000) ask(patience);  // we slept: what was sent to us is still to be read
      else lost(1006, 'the server fell silent');
    });
  }

  function check() {
    if (state === 'waiting') open();
    else if (state === 'live') ask(Math.min(pingTimeout, 4000));
  }

  function woken({type, persisted}) {
    if (type === 'freeze' || (type === 'pagehide' && persisted)) return freeze();
    if (type === 'pagehide') return goodbye ? end(1000, 'the page was closed') : dequeue();
    if (type === 'offline' ? state === 'live'
      : /online|pageshow|resume/.test(type) || env.window.document?.visibilityState !== 'hidden') check();
  }

  // Timers stand still while a machine sleeps; nobody tells the page when it wakes.
  function watch() {
    const due = env.now() + 5000;
    after('watch', 5000, () => {
      if (env.now() > due + 5000) woken({});
      watch();
    });
  }

  function watchWindow(how) {
    for (const type of WINDOW_EVENTS) env.window[how]?.(type, woken);
    for (const type of DOCUMENT_EVENTS) env.window.document?.[how]?.(type, woken);
  }

  watchWindow('addEventListener');
  open();

  return Object.freeze({
    get state() { return state; },
    get session() { return session; },
    get seq() { return cursor; },
    get heardAt() { return heardAt; },
    get subscriptions() { return subscribed && [...subscribed]; },
    ready: () => new Promise((resolve, reject) => {
      if (ending) reject(ending);
      else if (state === 'live') resolve(session);
      else waiters.add({resolve, reject});
    }),
    on: listen,
    onState: (fn) => listen(STATE, fn),
    onGap: (fn) => listen(GAP, fn),
    call: (command, payload, how) => call(command, payload, how),
    subscribe: filter('subscribe'),
    unsubscribe: filter('unsubscribe'),
    check,
    close: (reason = 'closed by this page') => end(1000, reason),
  });
}
