// What lies between a client and its server: an address that stays while servers come and go, and lines that can be cut.
import {once} from 'node:events';
import net from 'node:net';

export class Proxy {
  #pairs = new Set();
  #frozen = false;

  /** Leads to `port`, which may be changed: `proxy.target = other.port`. */
  static async start(t, port) {
    const proxy = new Proxy();
    proxy.target = port;
    proxy.server = net.createServer((near) => proxy.#join(near));
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    proxy.port = proxy.server.address().port;
    t?.after(() => proxy.end());
    return proxy;
  }

  get connections() { return this.#pairs.size; }

  #join(near) {
    // Nobody is there: as if the port were closed.
    if (this.target === null) return near.resetAndDestroy();
    const far = net.connect(this.target, '127.0.0.1');
    const pair = {near, far};
    this.#pairs.add(pair);
    const gone = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (bytes) => { if (!this.#frozen) to.write(bytes); });
      from.on('end', () => to.end()).on('error', gone).on('close', gone);
    }
  }

  /** All lines break, without a word of farewell. */
  cut() {
    for (const {near, far} of [...this.#pairs]) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** What is sent from now on is lost, and nobody is told: a dead network. */
  freeze() { this.#frozen = true; }
  thaw() {
    this.#frozen = false;
    this.cut();
  }

  async end() {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
