// Real networks that are bad: a server in a network namespace of its own, and two cables that lead there, one good, one on
// which packets are lost. Namespaces end with the processes in them, and those with the first of them, and that with us: so
// there is nothing to clean up, however a test ends.
import {execFileSync, spawnSync} from 'node:child_process';
import {Server} from './harness.mjs';

/** The exit code that ctest takes for "skipped"; see SKIP_RETURN_CODE in tests/CMakeLists.txt. */
const SKIPPED = 77;

process.env.PATH += ':/usr/sbin:/sbin';  // not everybody's
const apart = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--net', '--pid', '--mount-proc', '--fork', '--kill-child',
  // A user who is not root may be it in a namespace of users, where the system allows that.
  ...process.getuid() === 0 ? [] : ['--user', '--map-root-user']];

const trial = `
  ip link set lo up &&
  ip link add name trial type veth peer name trial-far && ip link set trial gso_max_segs 1 up &&
  tc qdisc add dev trial root tbf rate 1mbit burst 16kb latency 100ms &&
  iptables -A INPUT -i trial -m statistic --mode random --probability 0.5 -j DROP`;

/** Begins this program again where it may do to the network what it likes; returns only there. Elsewhere the process ends
 * with the other's code, or as skipped, saying why, where the machine does not allow it. */
export function goApart() {
  if (process.env.HOTLINE_APART) return run('ip link set lo up');
  const env = {...process.env, HOTLINE_APART: '1', XTABLES_LOCKFILE: '/dev/null'};
  const [command, ...words] = apart;
  const tried = spawnSync(command, [...words, 'sh', '-c', trial], {env, encoding: 'utf8'});
  if (tried.status !== 0) {
    console.log(`skipped: no network of one's own here: ${tried.error?.message ?? tried.stderr.trim()}`);
    process.exit(SKIPPED);
  }
  const {status, signal} = spawnSync(command, [...words, process.execPath, ...process.argv.slice(1)], {env, stdio: 'inherit'});
  process.exit(status ?? (signal ? 1 : 0));
}

function run(script) { execFileSync('sh', ['-ec', script], {stdio: ['ignore', 'ignore', 'inherit']}); }

let networks = 0;

/** A server at the other end of two cables. `url()` leads over the good one, `badUrl()` over the other. */
export class FarServer extends Server {
  static async start(t, ...args) {
    const server = await super.start(t, '--address', '0.0.0.0', ...args);
    const n = server.number = networks++;
    for (const [name, net] of [[`good${n}`, 2 * n], [`bad${n}`, 2 * n + 1]]) {
      run(`ip link add name ${name} type veth peer name ${name}-far netns ${server.pid}
           ip addr add 10.99.${net}.1/24 dev ${name}
           ip link set ${name} gso_max_segs 1 up`);
      server.there(`ip addr add 10.99.${net}.2/24 dev ${name}-far
                    ip link set ${name}-far gso_max_segs 1 up`);
    }
    return server;
  }

  constructor(args) { super(args, ['unshare', '--net']); }

  /** Runs a script at the server's end. */
  there(script) {
    execFileSync('nsenter', ['-t', String(this.pid), '-n', 'sh', '-ec', script], {stdio: ['ignore', 'ignore', 'inherit']});
  }

  url(project = 'p') { return `ws://10.99.${2 * this.number}.2:${this.port}/ws/${project}`; }
  badUrl(project = 'p') { return `ws://10.99.${2 * this.number + 1}.2:${this.port}/ws/${project}`; }

  /** From now on this share of the packets over the bad cable is lost, either way. */
  lose(share) {
    this.heal();
    const rule = share < 1 ? `-m statistic --mode random --probability ${share} -j DROP` : '-j DROP';
    run(`iptables -A INPUT -i bad${this.number} ${rule}
         iptables -A OUTPUT -o bad${this.number} ${rule}`);
  }

  heal() { run('iptables -F'); }

  /** From now on the server sends no more than this over the bad cable. */
  limit(rate) { this.there(`tc qdisc replace dev bad${this.number}-far root tbf rate ${rate} burst 16kb latency 200ms`); }
}
