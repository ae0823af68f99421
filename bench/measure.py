"""Runs servers and loads side by side, in turn, and prints what came of it: called by bench/run, which builds them."""

import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile

ROOT, BUILD = sys.argv[1], os.path.join(sys.argv[2], "bench")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = {CORES[0]}, {CORES[-1]}
GREETED = ["--greeted"]  # for loads of ours: the server sends `connected` first
DATA = 200  # bytes that each client is to have; ours come as an event's field
RELAYED = DATA + 63  # a text for others to relay, so that their frames are as long as ours

# name -> how it is started
SERVERS = {
    "hotline": [f"{BUILD}/fanout_server"],
    "hotline+deflate": [f"{BUILD}/fanout_server", "--deflate"],
    "floor": [f"{BUILD}/floor_server"],
    "websocketpp": [f"{BUILD}/websocketpp_server"],
    "beast": [f"{BUILD}/beast_server"],
    "ws": ["node", f"{ROOT}/bench/peers/ws_server.cjs"],
    "ws+deflate": ["node", f"{ROOT}/bench/peers/ws_server.cjs", "--deflate"],
    "fastapi": ["/usr/bin/python3", f"{ROOT}/bench/peers/fastapi_server.py"],
}
PEERS = ["floor", "websocketpp", "beast", "ws", "fastapi"]

rounds, seconds = 5, 1.0
not_measured = []


class Server:
    """A server on a core of its own."""

    def __init__(self, name, *arguments, cores=SERVER_CORE):
        self.name = name
        self.ours = name.startswith("hotline")
        self.process = subprocess.Popen(
            [*SERVERS[name], *arguments], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_PATH": f"{ROOT}/tests/e2e/node_modules"},
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise OSError(f"{name} does not listen")
        self.ports = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def load(program, server, *arguments):
    """One run of a load: what it printed, as numbers."""
    port = ["--ports" if program == "fanout_load" else "--port", server.ports]
    done = subprocess.run(
        [f"{BUILD}/{program}", *port, "--pid", str(server.process.pid), *map(str, arguments),
         *(GREETED if server.ours else [])],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    if done.returncode != 0:
        raise OSError(f"{program} against {server.name}: {done.stderr.strip()}")
    words = done.stdout.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def given_to(server):
    """So that everybody delivers as many bytes. FastAPI's manager makes an event of its own of what it is given."""
    return ["--bytes", DATA if server.ours or server.name == "fastapi" else RELAYED]


def start_all(names, *arguments):
    started = []
    for name in names:
        try:
            started.append(Server(name, *arguments))
        except OSError as error:
            not_measured.append(f"{name}: {error}")
    return started


def in_turn(samples, times=None):
    """Takes each of the named samples once a round; name -> list of results. One that fails is left out from there."""
    results = {name: [] for name in samples}
    for _ in range(times or rounds):
        for name, take in samples.items():
            if results[name] is None:
                continue
            try:
                results[name].append(take())
            except OSError as error:
                not_measured.append(str(error))
                results[name] = None
    return {name: result for name, result in results.items() if result}


def median(results, figure):
    return statistics.median(result[figure] for result in results)


def ratio(ours, theirs, figure):
    """The median of the ratios within a round: what disturbs a round disturbs both."""
    return statistics.median(a[figure] / b[figure] for a, b in zip(ours, theirs))


def heading(text):
    print(f"\n{text}", flush=True)


def row(what, value, note=""):
    print(f"  {what:<44} {value:>12}  {note}".rstrip(), flush=True)


def target(what, value, most):
    row(what, f"{value:.2f}", f"asked: <= {most:g}  {'met' if value <= most else 'MISSED'}")


# ------------------------------------------------------------------------------------------------------ sections


def fanout():
    servers = start_all(["hotline", *PEERS])
    asked = {(1, "floor"): 1.10, (16, "floor"): 1.15, (64, "floor"): 1.20, (16, "websocketpp"): 1 / 5,
             (16, "fastapi"): 1 / 20}
    for window in (1, 16, 64):
        results = in_turn({s.name: lambda s=s: load("fanout_load", s, "--window", window, "--seconds", seconds,
                                                    *given_to(s)) for s in servers})
        heading(f"fan-out to 500 clients, {DATA} B of data, {window} at a time")
        for name, got in results.items():
            row(name, f"{median(got, 'cpu_us_per_delivery'):.3f} us",
                f"CPU per delivery; {median(got, 'deliveries_per_s'):,.0f}/s; last client "
                f"p50 {median(got, 'p50_us'):,.0f} us, p99 {median(got, 'p99_us'):,.0f} us; "
                f"{median(got, 'bytes_per_delivery'):.0f} B")
        for name in results:
            if name == "hotline":
                continue
            value = ratio(results["hotline"], results[name], "cpu_us_per_delivery")
            if (window, name) in asked:
                target(f"CPU, hotline / {name}", value, asked[window, name])
            else:
                row(f"CPU, hotline / {name}", f"{value:.2f}")
    for s in servers:
        s.__exit__()


def commands():
    echoes = start_all(PEERS, "--echo")
    with Server("hotline") as ours:
        for what, message in (("ping", '{"command":"ping","id":"c1234567"}'),
                              ("a command with payload and result",
                               '{"command":"add","payload":{"a":1234,"b":4321},"note":"' + "x" * 60 + '"}')):
            samples = {"hotline": lambda: load("command_load", ours, "--message", message, "--seconds", seconds)}
            for s in echoes:
                samples[s.name] = lambda s=s: load("command_load", s, "--message", message, "--seconds", seconds)
            results = in_turn(samples)
            heading(f"{what}, 50 clients, each asks when it was answered; others echo the question")
            for name, got in results.items():
                row(name, f"{median(got, 'cpu_us_per_command'):.2f} us",
                    f"CPU; {median(got, 'commands_per_s'):,.0f}/s; {median(got, 'bytes_per_answer'):.0f} B answered")
            for name in results:
                if name == "floor":
                    target("CPU, hotline / floor", ratio(results["hotline"], results[name], "cpu_us_per_command"), 1.5)
                elif name != "hotline":
                    row(f"CPU, hotline / {name}",
                        f"{ratio(results['hotline'], results[name], 'cpu_us_per_command'):.2f}")
    for s in echoes:
        s.__exit__()


def deflate():
    arguments = ["--json", "--bytes", 1024, "--window", 16, "--seconds", seconds]
    servers = {s.name: s for s in start_all(["hotline+deflate", "ws+deflate"])}
    ours = servers["hotline+deflate"]
    samples = {"plain": lambda: load("fanout_load", ours, *arguments),
               "compressed": lambda: load("fanout_load", ours, *arguments, "--deflate")}
    if "ws+deflate" in servers:
        samples["ws, compressed"] = lambda: load("fanout_load", servers["ws+deflate"], *arguments, "--deflate")
    results = in_turn(samples)
    heading("compressed fan-out to 500 clients, 1 KiB of JSON, 16 at a time")
    for name, got in results.items():
        row(name, f"{median(got, 'cpu_us_per_delivery'):.3f} us",
            f"CPU per delivery; {median(got, 'bytes_per_delivery'):.0f} B")
    target("CPU, compressed / plain", ratio(results["compressed"], results["plain"], "cpu_us_per_delivery"), 1.3)
    if "ws, compressed" in results:
        target("CPU, compressed, hotline / ws",
               ratio(results["compressed"], results["ws, compressed"], "cpu_us_per_delivery"), 1 / 10)
    for s in servers.values():
        s.__exit__()


def once(name, *arguments):
    """A fresh server for a load that changes it."""
    with Server(name) as s:
        return load("idle_load", s, *arguments)


def idle():
    samples = {"hotline": lambda: once("hotline"),
               "hotline, subscribed": lambda: once("hotline", "--subscribe"),
               "hotline, deflate, subscribed": lambda: once("hotline+deflate", "--subscribe", "--deflate")}
    for name in PEERS[:-1]:
        samples[name] = lambda name=name: once(name)
    samples["fastapi, 2,000 only"] = lambda: once("fastapi", "--clients", 2000)
    results = in_turn(samples, times=3)
    heading("10,000 idle connections")
    for name, got in results.items():
        row(name, f"{median(got, 'kib_per_connection'):.2f} KiB",
            f"each; connecting: {median(got, 'connections_per_s'):,.0f}/s, "
            f"{median(got, 'cpu_us_per_connection'):.0f} us CPU each")
    target("connecting: CPU, hotline / floor", ratio(results["hotline"], results["floor"], "cpu_us_per_connection"), 1.5)
    target("KiB, subscriptions and resume state included",
           median(results["hotline, subscribed"], "kib_per_connection"), 1.15)
    target("KiB, with deflate agreed on",
           median(results["hotline, deflate, subscribed"], "kib_per_connection"), 3)


def storm():
    results = in_turn({"storm": lambda: once("hotline", "--storm", 10)}, times=3)
    heading("10,000 clients come back at once, each for the 10 events that it missed")
    got = results["storm"]
    row("until the last has them", f"{median(got, 'storm_seconds'):.2f} s",
        f"{median(got, 'storm_cpu_us_per_client'):.0f} us of server CPU each")


def growth():
    servers = start_all(["hotline", "floor"])
    results = in_turn({(s.name, clients): lambda s=s, clients=clients: load(
        "fanout_load", s, "--clients", clients, "--window", 16, "--seconds", seconds, *given_to(s))
        for s in servers for clients in (100, 10_000)})
    heading("from 100 to 10,000 clients, 16 at a time")
    grown = {}
    for s in servers:
        few, many = results[s.name, 100], results[s.name, 10_000]
        grown[s.name] = ratio(many, few, "cpu_us_per_delivery")
        row(s.name, f"x {grown[s.name]:.2f}", f"CPU per delivery: {median(few, 'cpu_us_per_delivery'):.3f} us, then "
            f"{median(many, 'cpu_us_per_delivery'):.3f} us")
    target("growth, hotline / floor", grown["hotline"] / grown["floor"], 1.1)
    for s in servers:
        s.__exit__()


def groups():
    with Server("hotline") as ours:
        results = in_turn({n: lambda n=n: load("fanout_load", ours, "--groups", n, "--window", 16, "--seconds", seconds)
                           for n in (1, 10, 100)})
    heading("500 clients in groups that share a filter, 16 at a time")
    for n, got in results.items():
        row(f"{n} groups", f"{median(got, 'cpu_us_per_delivery'):.3f} us", "CPU per delivery")


def stalled():
    with Server("hotline") as without, Server("hotline") as beside:
        results = in_turn({
            "all read": lambda: load("fanout_load", without, "--window", 16, "--seconds", seconds),
            "one of them stalls": lambda: load("fanout_load", beside, "--window", 16, "--seconds", seconds,
                                               "--stalled", 1)})
    heading("500 clients beside one that never reads, 16 at a time")
    for name, got in results.items():
        row(name, f"{median(got, 'p99_us'):,.0f} us", f"p99 to the last; {median(got, 'cpu_us_per_delivery'):.3f} us CPU")
    target("p99, one stalls / all read", ratio(results["one of them stalls"], results["all read"], "p99_us"), 1.1)


def loops():
    all_cores = set(CORES)
    with Server("hotline", cores=all_cores) as one, Server("hotline", "--loops", "2", cores=all_cores) as two:
        results = in_turn({f"{n} loop{'s' if n > 1 else ''}": lambda s=s: load(
            "fanout_load", s, "--window", 16, "--clients", 2000, "--seconds", seconds) for n, s in ((1, one), (2, two))})
    heading(f"loops, one manager each over one log: 2,000 clients, 16 at a time, on {len(CORES)} cores")
    for name, got in results.items():
        row(name, f"{median(got, 'deliveries_per_s'):,.0f}/s",
            f"{median(got, 'cpu_us_per_delivery'):.3f} us CPU per delivery")
    row("CPU per delivery, two / one", f"{ratio(results['2 loops'], results['1 loop'], 'cpu_us_per_delivery'):.2f}")
    if len(CORES) < 3:
        row("", "", "the load has but these cores too: it, and not the server, is what limits the throughput here")


def compile_time():
    compiler = os.environ.get("CXX", "g++")
    with tempfile.TemporaryDirectory() as folder:
        def build(header, level, *more):
            source, made = f"{folder}/one.cpp", f"{folder}/one.o"
            with open(source, "w", encoding="utf-8") as file:
                file.write(f"#include <{header}>\n")
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            subprocess.run([compiler, "-std=c++20", level, "-DASIO_STANDALONE", *more, f"-I{ROOT}/include", "-c", source,
                            "-o", made], check=True)
            return {"seconds": resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before,
                    "kib": os.path.getsize(made) / 1024}
        # a header, with hotline::compiled or without -> the most that it may take, in times of <asio.hpp> at -O0
        asked = {("hotline/hotline.hpp", ""): 1.6, ("hotline/hotline.hpp", "compiled"): None,
                 ("hotline/ws_manager.hpp", ""): None, ("hotline/ws_manager.hpp", "compiled"): 1.2,
                 ("hotline/event_emitter.hpp", ""): 1.0, ("hotline/event_emitter.hpp", "compiled"): None,
                 ("hotline/fwd.hpp", ""): 0.02}
        heading(f"a file that includes one header, {compiler}")
        for level in ("-O0", "-O2"):
            results = in_turn({"asio.hpp": lambda: build("asio.hpp", level)} | {
                f"{header} {form}".strip(): lambda header=header, form=form: build(
                    header, level, *(["-DHOTLINE_COMPILED"] if form else []))
                for header, form in asked})
            for what, got in results.items():
                row(f"{what} {level}", f"{median(got, 'seconds'):.2f} s", f"object {median(got, 'kib'):.0f} KiB")
            for (header, form), most in asked.items():
                what = f"{header} {form}".strip()
                value = ratio(results[what], results["asio.hpp"], "seconds")
                if most is not None and level == "-O0":
                    target(f"time, {what} / asio.hpp {level}", value, most)
                else:
                    row(f"time, {what} / asio.hpp {level}", f"{value:.2f}")


SECTIONS = {"fanout": fanout, "commands": commands, "deflate": deflate, "idle": idle, "storm": storm, "growth": growth,
            "groups": groups, "stalled": stalled, "loops": loops, "compile": compile_time}


def main():
    global rounds, seconds
    words = sys.argv[3:]
    chosen = []
    while words:
        word = words.pop(0)
        if word == "--rounds":
            rounds = int(words.pop(0))
        elif word == "--seconds":
            seconds = float(words.pop(0))
        elif word == "--peer":
            name, _, command = words.pop(0).partition("=")
            SERVERS[name] = command.split()
            PEERS.insert(1, name)
        elif word in SECTIONS:
            chosen.append(word)
        else:
            sys.exit(f"bench/run: no section {word}; there are: {' '.join(SECTIONS)}")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print(f"{platform.machine()}, {len(CORES)} cores, Linux {platform.release()}; medians of {rounds} alternating rounds "
          f"of {seconds:g} s; the server on core {min(SERVER_CORE)}, the load on core {min(LOAD_CORE)}")
    print(f"load average at the beginning: {os.getloadavg()[0]:.1f}")
    for name in chosen or SECTIONS:
        SECTIONS[name]()
    if not_measured:
        heading("not measured")
        for why in not_measured:
            print(f"  {why}")


main()
