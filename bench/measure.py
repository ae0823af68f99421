"""Runs servers and loads side by side, in turn, and prints what came of it: called by bench/run, which builds them."""

import os
import platform
import resource
import subprocess
import sys
import tempfile

import drawing
import loops
import pairs
import table
from asked import ASKED
from servers import CORES, DATA, LOAD_CORE, OURS, PEERS, ROOT, SERVER_CORE, SERVERS, Server, Watch, given_to, load, once
from table import asked_or_row, bar, heading, median, not_measured, ratio, row, target

rounds, seconds = 5, 1.0


def start_all(names, *arguments):
    started = []
    for name in names:
        try:
            started.append(Server(name, *arguments))
        except OSError as error:
            not_measured.append(f"{name}: {error}")
    return started


def in_turn(samples, times=None):
    return table.in_turn(samples, times or rounds)


def ratios(title, results, figure):
    """Of each server of ours to the floor and to each peer."""
    for ours in OURS:
        for name in results if ours in results else []:
            if name not in OURS:
                asked_or_row(f"CPU, {ours} / {name}", ratio(results[ours], results[name], figure),
                             ASKED.get((title, ours, name)))


# ------------------------------------------------------------------------------------------------------ sections


def fanout():
    servers = start_all([*OURS, *PEERS])
    for window in (1, 16, 64):
        results = in_turn({s.name: lambda s=s: load("fanout_load", s, "--window", window, "--seconds", seconds,
                                                    *given_to(s)) for s in servers})
        title = f"fan-out to 500 clients, {window} at a time"
        heading(f"{title}, {DATA} B of data: server CPU a delivery")
        for name, got in results.items():
            bar(name, median(got, "cpu_us_per_delivery"), 3, " us",
                f"{median(got, 'deliveries_per_s'):,.0f}/s; last client p50 {median(got, 'p50_us'):,.0f} us, "
                f"p99 {median(got, 'p99_us'):,.0f} us; {median(got, 'bytes_per_delivery'):.0f} B")
        ratios(title, results, "cpu_us_per_delivery")
    for s in servers:
        s.stop()


def commands():
    servers = start_all(OURS) + start_all(PEERS, "--echo")
    for title, message in (("ping", pairs.PING), ("a command with payload and result", pairs.ADD)):
        results = in_turn({s.name: lambda s=s: load("command_load", s, "--message", message, "--seconds", seconds)
                           for s in servers})
        heading(f"{title}, 50 clients, one each at a time; others echo it: server CPU each")
        for name, got in results.items():
            bar(name, median(got, "cpu_us_per_command"), 2, " us",
                f"{median(got, 'commands_per_s'):,.0f}/s; {median(got, 'bytes_per_answer'):.0f} B answered")
        ratios(title, results, "cpu_us_per_command")
    for s in servers:
        s.stop()


def deflate():
    arguments = ["--json", "--bytes", 1024, "--window", 16, "--seconds", seconds]
    servers = {s.name: s for s in start_all(["hotline+deflate", "ws+deflate"])}
    ours = servers["hotline+deflate"]
    samples = {"hotline, plain": lambda: load("fanout_load", ours, *arguments),
               "hotline, compressed": lambda: load("fanout_load", ours, *arguments, "--deflate")}
    if "ws+deflate" in servers:
        samples["ws, compressed"] = lambda: load("fanout_load", servers["ws+deflate"], *arguments, "--deflate")
    results = in_turn(samples)
    heading("compressed fan-out to 500 clients, 1 KiB of JSON, 16 at a time: server CPU a delivery")
    for name, got in results.items():
        bar(name, median(got, "cpu_us_per_delivery"), 3, " us", f"{median(got, 'bytes_per_delivery'):.0f} B")
    compressed = results["hotline, compressed"]
    target("CPU, compressed / plain", ratio(compressed, results["hotline, plain"], "cpu_us_per_delivery"), 1.3)
    if "ws, compressed" in results:
        target("CPU, compressed, hotline / ws", ratio(compressed, results["ws, compressed"], "cpu_us_per_delivery"), 1 / 10)
    for s in servers.values():
        s.stop()


def idle():
    samples = {name: lambda name=name: once(name) for name in OURS}
    samples |= {f"{name}, subscribed": lambda name=name: once(name, "--subscribe") for name in OURS}
    if "hotline" in OURS:
        samples["hotline, deflate, subscribed"] = lambda: once("hotline+deflate", "--subscribe", "--deflate")
    samples |= {name: lambda name=name: once(name) for name in PEERS if name != "fastapi"}
    if "fastapi" in PEERS:
        samples["fastapi, 2,000 only"] = lambda: once("fastapi", "--clients", 2000)
    results = in_turn(samples, times=3)
    heading("10,000 idle connections, memory of each")
    for name, got in results.items():
        bar(name, median(got, "kib_per_connection"), 2, " KiB")
    for what, most in (("hotline, subscribed", 1.15), ("hotline+epoll, subscribed", 0.6),
                       ("hotline, deflate, subscribed", 3)):
        if what in results:
            target(f"KiB, {what}", median(results[what], "kib_per_connection"), most)
    heading("connecting 10,000 clients, server CPU each")
    connecting = {name: got for name, got in results.items() if ", " not in name or "only" in name}
    for name, got in connecting.items():
        bar(name, median(got, "cpu_us_per_connection"), 1, " us",
            f"{median(got, 'connections_per_s'):,.0f}/s")
    ratios("connecting, 10,000 clients", connecting, "cpu_us_per_connection")


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
        if not all((s.name, clients) in results for clients in (100, 10_000)):
            continue
        few, many = results[s.name, 100], results[s.name, 10_000]
        grown[s.name] = ratio(many, few, "cpu_us_per_delivery")
        row(s.name, f"x {grown[s.name]:.2f}", f"CPU per delivery: {median(few, 'cpu_us_per_delivery'):.3f} us, then "
            f"{median(many, 'cpu_us_per_delivery'):.3f} us")
    if len(grown) == 2:
        target("growth, hotline / floor", grown["hotline"] / grown["floor"], 1.1)
    for s in servers:
        s.stop()


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


def threads():
    all_cores = set(CORES)
    with Server("hotline", cores=all_cores) as one, Server("hotline", "--loops", "2", cores=all_cores) as two:
        results = in_turn({f"{n} loop{'s' if n > 1 else ''}": lambda s=s: load(
            "fanout_load", s, "--window", 16, "--clients", 2000, "--seconds", seconds) for n, s in ((1, one), (2, two))})
    heading(f"threads, a loop and a manager each over one log: 2,000 clients, 16 at a time, on {len(CORES)} cores")
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
            "groups": groups, "stalled": stalled, "threads": threads, "loops": lambda: loops.run(rounds),
            "compile": compile_time}


def main():
    global rounds, seconds
    words = sys.argv[1:]
    chosen, sides, drawn, count = [], [], None, 0
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
        elif word == "--pairs":
            count = int(words.pop(0)) if words and words[0].isdigit() else 20
        elif word == "--pair":
            sides.append((words.pop(0), words.pop(0)))
        elif word == "--only":
            only = words.pop(0).split(",")
            OURS[:] = [name for name in OURS if name in only]
            PEERS[:] = [name for name in PEERS if name in only]
        elif word == "--svg":
            drawn = words.pop(0)
        elif word == "--loops":
            loops.folders.append(words.pop(0))
        elif word in SECTIONS:
            chosen.append(word)
        else:
            sys.exit(f"bench/run: no section {word}; there are: {' '.join(SECTIONS)}")
    if sides and not count:
        count = 20
    for name in {name for pair in sides for name in pair} - set(SERVERS):
        sys.exit(f"bench/run: no server {name}; there are: {' '.join(SERVERS)}")
    if count and set(chosen) - set(pairs.SECTIONS):
        sys.exit(f"bench/run: pairs are taken of: {' '.join(pairs.SECTIONS)}")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    how = f"{count} pairs of {pairs.SLICE:g} s" if count else f"medians of {rounds} alternating rounds of {seconds:g} s"
    where = (f"{platform.machine()}, {len(CORES)} cores, Linux {platform.release()}; {how}; the server on core "
             f"{min(SERVER_CORE)}, the load on core {min(LOAD_CORE)}")
    print(f"{where}\nload average at the beginning: {os.getloadavg()[0]:.1f}")
    watch = Watch()
    if count:
        pairs.run(chosen or pairs.SECTIONS, sides or [("hotline", "floor")], count)
    else:
        for name in chosen or SECTIONS:
            SECTIONS[name]()
    others = watch.others()
    print(f"\nothers used {others:.0f} % of the cores meanwhile{': measure again when they do not' if others > 5 else ''}")
    if drawn:
        drawing.draw(drawn, table.charts, where)
    if not_measured:
        print("\nnot measured")
        for why in dict.fromkeys(not_measured):
            print(f"  {why}")


main()
