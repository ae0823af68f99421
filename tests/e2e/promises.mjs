// A server's promises, checked on one whose clients come through a bad network.
import assert from 'node:assert/strict';
import {setTimeout as sleep} from 'node:timers/promises';
import {within} from './harness.mjs';
import {ReturningClient} from './returning_client.mjs';

const MiB = 1024 * 1024;

/** Options with which a server finds clients that vanished, and clients that do not answer its close frame. */
export const bounds = ['--ping-ms', 300, '--timeout-ms', 60_000, '--close-ms', 5_000];

/** Lets time pass until all others' connections have ended. */
export async function hasOnly(server, client) {
  await within((async () => {
    while ((await client.ask('status')).result.connections > 1) {
      await server.advance(1_000);
      await sleep(20);
    }
  })(), 'the end of the connections');
}

/** Lets time pass until it is stopped, a step after each answer to the witness: it alone is never silent for long. */
function timePasses(server, witness, step) {
  let over = false;
  const passing = (async () => {
    while (!over) {
      await witness.ask('echo', {});
      await server.advance(step);
      await sleep(100);
    }
  })();
  passing.catch(() => {});  // it ends with the server or the witness, and both are missed elsewhere
  return () => { over = true; };
}

/** A crowd at `url` sends commands and receives events, while a witness at `server.url()` does the same and must notice
 * nothing. Each of `rounds` brings `count` events with `pad` bytes, and from each client the commands of `marks`. Then:
 * each client has received each event once, in order and intact, or the gap; each command ran once; the server holds
 * little memory, and no connections but those that there are. There are more rounds while `enough` says no. `step`: of
 * the server's time, in milliseconds; zero: it stands still but for the end. Returns the crowd. */
export async function keepsItsPromises(t, server, url,
  {clients = 6, rounds = 10, count = 20, pad = 200, marks = 2, patience, gaps = false, grows = 48 * MiB,
    enough = () => true, step = 300, during = async () => {}} = {}) {
  const witness = await ReturningClient.start(t, server.url(), {patience: Infinity});
  const stopTime = step > 0 ? timePasses(server, witness, step) : () => {};
  t.after(stopTime);
  const crowd = await Promise.all(Array.from({length: clients}, () => ReturningClient.start(t, url, {patience})));
  const all = [witness, ...crowd];
  const before = server.rss();
  let most = 0;
  let round = 0;
  for (; round < rounds || !enough(crowd); ++round) {
    // Each command leaves its mark in the log: one that ran twice has left two.
    const given = Promise.all(all.flatMap((client, by) => Array.from({length: marks}, (_, n) =>
      client.ask('emit', {type: 'mark', fields: {by, mark: `${round}.${n}`}}))));
    given.catch(() => {});  // it is waited for below
    const load = await witness.ask('emit', {type: 'load', count, pad});
    await Promise.all([witness.hears(load.result.seq), during(round, crowd, witness)]);
    for (const answer of await given) assert.equal(answer.type, 'command_response');
    most = Math.max(most, server.rss());
  }
  const {result: {seq: last}} = await witness.ask('emit', {type: 'end'});
  await Promise.all(all.map((client) => client.hears(last)));

  assert.equal(witness.connects, 1);
  assert.deepEqual(witness.gaps, []);
  assert.equal(witness.events.size, last);
  const seen = new Set();
  for (const text of witness.events.values()) {
    const {event_type, by, mark} = JSON.parse(text);
    if (event_type !== 'mark') continue;
    assert.ok(!seen.has(`${by} ${mark}`), `command ${mark} of client ${by} ran twice`);
    seen.add(`${by} ${mark}`);
  }
  assert.equal(seen.size, all.length * round * marks);
  for (const client of crowd) {
    if (!gaps) assert.deepEqual(client.gaps, []);
    for (const [seq, text] of client.events) assert.equal(text, witness.events.get(seq));
  }
  assert.ok(most - before < grows, `grew by ${((most - before) / MiB).toFixed(1)} MiB`);

  stopTime();
  for (const client of crowd) client.end();
  await hasOnly(server, witness);
  assert.equal(witness.connects, 1);
  for (const {violations} of all) assert.deepEqual(violations, []);
  t.diagnostic(`${crowd.map((client) => client.connects).join('+')} connections, ${last} events, ` +
    `${((most - before) / MiB).toFixed(1)} MiB more at most`);
  return crowd;
}
