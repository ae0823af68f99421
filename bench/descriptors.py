#!/usr/bin/env python3
"""What a server costs that has no descriptors left while clients knock: its CPU, in percent of one core.

  bench/descriptors.py [BUILD]    where build/tests/e2e_server is; build by default

The server may have 64 descriptors, which clients that stay take up. Then three kinds of others come: a crowd that connects
once, ten that try again 20 times a second each, four and then two hundred that try again as soon as they were turned away.
"""
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time

SECONDS = 5
build = sys.argv[1] if len(sys.argv) > 1 else "build"
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
server = subprocess.Popen(
    [os.path.join(build, "tests", "e2e_server")], stdout=subprocess.PIPE, text=True,
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
port = int(server.stdout.readline().rsplit(":", 1)[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_seconds():
    with open(f"/proc/{server.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def knock():
    """True if it was turned away."""
    with socket.create_connection(("127.0.0.1", port)) as one:
        try:
            return one.recv(1) == b""
        except ConnectionResetError:
            return True


def measure(what, pause, threads):
    turned_away = [0] * threads
    over = threading.Event()

    def keep_knocking(n):
        while not over.is_set():
            turned_away[n] += knock()
            over.wait(pause)

    knocking = [threading.Thread(target=keep_knocking, args=(n,)) for n in range(threads)]
    before = cpu_seconds()
    began = time.monotonic()
    for thread in knocking:
        thread.start()
    time.sleep(SECONDS)
    spent = (cpu_seconds() - before) / (time.monotonic() - began)
    over.set()
    for thread in knocking:
        thread.join()
    print(f"{what}: {100 * spent:.1f} % of a core, {sum(turned_away) / SECONDS:.0f} turned away a second")


try:
    staying = []
    while len(staying) < 64:
        one = socket.create_connection(("127.0.0.1", port))
        if select.select([one], [], [], 0.2)[0]:  # it was closed: there was no room any more
            break
        one.sendall(b"GET /ws/p HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        one.recv(1)
        staying.append(one)
    print(f"{len(staying)} clients fill the server")
    measure("nobody knocks", 0, 0)
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    measure("300 have knocked once", 0, 0)
    measure("ten try again 20 times a second", 0.05, 10)
    measure("four try again at once", 0, 4)
    measure("two hundred try again at once", 0, 200)
finally:
    server.kill()
