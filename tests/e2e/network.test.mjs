// A server's promises over networks that lose packets, that swallow everything for a while, and that are slow. Needs
// iproute2, iptables and a system that lets us have networks of our own; says so and is skipped where it does not.
import assert from 'node:assert/strict';
import test from 'node:test';
import {FarServer, goApart} from './network.mjs';
import {bounds, keepsItsPromises} from './promises.mjs';

goApart();

/** The lines about the next `count` connections that end. */
async function ends(server, count) {
  const lines = [];
  while (lines.length < count) {
    lines.push(await server.printed.find((line) => line.startsWith('closed'), `${count} ends, of which there are ${lines}`));
  }
  return lines;
}

for (const percent of [5, 20]) {
  test(`${percent} % of the packets are lost, in both directions`, async (t) => {
    const server = await FarServer.start(t, ...bounds);
    server.lose(percent / 100);
    t.after(() => server.heal());
    await keepsItsPromises(t, server, server.badUrl(), {patience: 4_000, rounds: percent > 10 ? 6 : 10});
  });
}

test('everything is lost for a while: the vanished are given up by the heartbeat, and come back', async (t) => {
  const server = await FarServer.start(t, '--ping-ms', 500, '--timeout-ms', 4_000, '--close-ms', 500);
  t.after(() => server.heal());
  // Time stands still until the cable is dead, and the clients are patient until then: nothing else ends a connection.
  const crowd = await keepsItsPromises(t, server, server.badUrl(), {
    rounds: 6,
    patience: Infinity,
    step: 0,
    during: async (round, crowd, witness) => {
      if (round !== 2) return;
      server.lose(1);
      for (const client of crowd) client.patience = 1_000;
      const lines = await server.passingTime(ends(server, 6), {before: () => witness.ask('echo', {})});
      for (const line of lines) assert.match(line, / 4000 nothing was heard$/);
      server.heal();
    },
  });
  for (const client of crowd) assert.ok(client.connects > 1);
});

test('everything is lost for a while: who is owed something is given up after user_timeout', async (t) => {
  const server = await FarServer.start(t, '--user-timeout-ms', 1_500, '--close-ms', 500);
  t.after(() => server.heal());
  const crowd = await keepsItsPromises(t, server, server.badUrl(), {
    rounds: 6,
    patience: Infinity,
    step: 0,
    during: async (round, crowd) => {
      if (round === 1) {
        server.lose(1);  // the next round's events are what they are owed
        for (const client of crowd) client.patience = 10_000;
      }
      if (round !== 2) return;
      for (const line of await ends(server, 6)) assert.match(line, / 1006 Connection timed out$/);
      server.heal();
    },
  });
  for (const client of crowd) assert.ok(client.connects > 1);
});

test('a line that is slower than the events: the client receives a gap', async (t) => {
  const server = await FarServer.start(t, ...bounds, '--send-buffer', 32 * 1024, '--log-bytes', 256 * 1024);
  // At first it would take days, so that no machine is as slow.
  const crowd = await keepsItsPromises(t, server, server.badUrl(), {
    patience: Infinity, clients: 4, rounds: 40, count: 50, pad: 2_000, gaps: true, marks: 0, step: 0,
    during: async (round) => {
      if (round === 0) server.limit('1kbit');
      if (round === 39) server.limit('100mbit');
    },
  });
  for (const client of crowd) {
    assert.ok(client.gaps.length > 0);
    assert.equal(client.connects, 1);
  }
});
