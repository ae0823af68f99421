"""The servers that bench/run compares, and the loads that it puts on them."""

import os
import resource
import signal
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = f"{ROOT}/build-bench/bench"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = {CORES[0]}, {CORES[-1]}
GREETED = ["--greeted"]  # for loads of ours: the server sends `connected` first
DATA = 200  # bytes that each client is to have; ours come as an event's field
RELAYED = DATA + 63  # a text for others to relay, so that their frames are as long as ours

# name -> how it is started; a name that begins with `hotline` is a fanout_server of some kind
SERVERS = {
    "hotline": [f"{BUILD}/fanout_server", "--transport", "asio"],
    "hotline+epoll": [f"{BUILD}/fanout_server", "--transport", "epoll"],
    "hotline+asio-epoll": [f"{BUILD}/fanout_server", "--transport", "asio-epoll"],
    "hotline+deflate": [f"{BUILD}/fanout_server", "--deflate"],
    "floor": [f"{BUILD}/floor_server"],
    "uWebSockets": [f"{BUILD}/uwebsockets_server"],
    "websocketpp": [f"{BUILD}/websocketpp_server"],
    "beast": [f"{BUILD}/beast_server"],
    "ws": ["node", f"{ROOT}/bench/peers/ws_server.cjs"],
    "ws+deflate": ["node", f"{ROOT}/bench/peers/ws_server.cjs", "--deflate"],
    "fastapi": ["/usr/bin/python3", f"{ROOT}/bench/peers/fastapi_server.py"],
}
OURS = ["hotline", "hotline+epoll"]
PEERS = ["floor", "uWebSockets", "websocketpp", "beast", "ws", "fastapi"]


class Server:
    """A server on a core of its own, perhaps `under` a program that watches it."""

    def __init__(self, name, *arguments, cores=SERVER_CORE, command=None, under=()):
        self.name = name
        self.ours = name.startswith("hotline")
        self.process = subprocess.Popen(
            [*under, *(command or SERVERS[name]), *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if under else None, text=True,
            env={**os.environ, "NODE_PATH": f"{ROOT}/tests/e2e/node_modules"},
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.pid = self.process.pid
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.stop()
            raise OSError(f"{name} does not listen")
        self.ports = line.split()[-1].rpartition(":")[2]

    def stop(self, how=signal.SIGKILL):
        """Returns what it wrote to standard error, if it was under another program."""
        self.process.send_signal(how)
        return self.process.communicate()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Watch:
    """How much of the cores others use meanwhile. Their caches are ours too, so a busy machine moves ratios as well."""

    def __init__(self):
        self.begin = self.now()

    @staticmethod
    def now():
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, idle, wait, irq, soft, steal = map(int, file.readline().split()[1:9])
        own = sum(used.ru_utime + used.ru_stime
                  for used in map(resource.getrusage, (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)))
        busy = user + nice + system + irq + soft + steal
        return busy / os.sysconf("SC_CLK_TCK") - own, (busy + idle + wait) / os.sysconf("SC_CLK_TCK")

    def others(self):
        """Percent of all cores, once all servers and loads have ended."""
        others, all_of_it = (now - then for now, then in zip(self.now(), self.begin))
        return max(0, 100 * others / all_of_it)


def echo_of(name):
    """Servers of ours answer commands, the others only echo them if they are asked to."""
    return [] if name.startswith("hotline") else ["--echo"]


def given_to(server):
    """So that everybody delivers as many bytes. FastAPI's manager makes an event of its own of what it is given."""
    return ["--bytes", DATA if server.ours or server.name == "fastapi" else RELAYED]


def load_command(program, server, arguments):
    port = ["--ports" if program == "fanout_load" else "--port", server.ports]
    return [f"{BUILD}/{program}", *port, "--pid", str(server.pid), *map(str, arguments),
            *(GREETED if server.ours else [])]


def numbers(line):
    """`name value name value …` as a load prints it."""
    words = line.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def load(program, server, *arguments):
    """One run of a load: what it printed, as numbers."""
    done = subprocess.run(load_command(program, server, arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    if done.returncode != 0:
        raise OSError(f"{program} against {server.name}: {done.stderr.strip()}")
    return numbers(done.stdout)


def once(name, *arguments):
    """A fresh server for a load that changes it."""
    with Server(name) as s:
        return load("idle_load", s, *arguments)


class Load:
    """A load that stays connected and takes a slice when it is asked for one."""

    def __init__(self, program, server, *arguments):
        self.what = f"{program} against {server.name}"
        self.process = subprocess.Popen(
            load_command(program, server, [*arguments, "--on-request"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))

    def take(self, what, much):
        """`take("seconds", 0.4)` or `take("turns", 100)`."""
        line = ""
        try:
            self.process.stdin.write(f"{what} {much}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            pass
        if not line:
            raise OSError(f"{self.what}: {self.process.stderr.read().strip()}")
        return numbers(line)

    def stop(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
