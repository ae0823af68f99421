"""Two servers in pairs: for figures that differ by less than a tenth.

A pair is a slice of each, one right after the other, and which is first alternates. Each slice has a process of its own for
the server and for the load, because where a process happens to lie in memory shifts all its slices alike.
"""

import collections
import dataclasses
import re
import signal
import statistics
import subprocess
import tempfile
from typing import Callable

from asked import ASKED
from servers import Load, Server, Watch, echo_of, given_to, load, once
from table import heading, interval, not_measured, row

SLICE = 0.4  # seconds


@dataclasses.dataclass
class Figure:
    section: str
    title: str
    field: str  # a figure that the load prints
    unit: str
    each: str  # the thing that costs it
    program: str = "idle_load"
    arguments: Callable = lambda server: []
    alone: tuple = ()  # arguments for counting: one at a time, so that a turn of the loop has one
    turns: int = 0  # for counting
    of_a_turn: int = 1  # how many of the things one turn brings


def fan_out(window):
    return Figure("fanout", f"fan-out to 500 clients, {window} at a time", "cpu_us_per_delivery", "us", "delivery",
                  "fanout_load", lambda s: ["--window", window, *given_to(s)], turns=20, of_a_turn=500 * window)


def command(title, message):
    return Figure("commands", title, "cpu_us_per_command", "us", "command", "command_load",
                  lambda s: ["--message", message], alone=("--clients", 1), turns=1000)


PING = '{"command":"ping","id":"c1234567"}'
ADD = '{"command":"add","payload":{"a":1234,"b":4321},"note":"' + "x" * 60 + '"}'
FIGURES = [
    fan_out(1), fan_out(16), fan_out(64),
    command("ping", PING), command("a command with payload and result", ADD),
    Figure("idle", "connecting, 10,000 clients", "cpu_us_per_connection", "us", "connection"),
    Figure("idle", "10,000 idle connections", "kib_per_connection", "KiB", "connection"),
]
SECTIONS = list(dict.fromkeys(figure.section for figure in FIGURES))


def started(figure, name, **how):
    return Server(name, *(echo_of(name) if figure.section == "commands" else []), **how)


def slice_of(figure, name):
    if figure.program == "idle_load":
        return once(name)
    with started(figure, name) as server:
        with Load(figure.program, server, "--seconds", SLICE, *figure.arguments(server)) as crowd:
            return crowd.take("seconds", SLICE)


# ------------------------------------------------------------------------------------------------------ counting


def work(figure, server):
    """Work to be counted: yields None when all is ready for it, then does it, and yields how many things it was."""
    if figure.program == "idle_load":
        yield None
        load("idle_load", server, "--clients", 500)
        yield 500 + 20  # it connects 20 before
        return
    with Load(figure.program, server, "--seconds", 0.1, *figure.arguments(server), *figure.alone) as crowd:
        crowd.take("turns", 1)  # once it answers, everybody has connected
        yield None
        yield crowd.take("turns", figure.turns)["units"]


def system_calls(figure, name):
    """System call -> how many for each thing, by strace; None where it cannot be counted."""
    try:
        with started(figure, name) as server, tempfile.NamedTemporaryFile("r") as counted:
            running = work(figure, server)
            next(running)
            strace = subprocess.Popen(["strace", "-c", "-f", "-U", "calls,name", "-o", counted.name, "-p", str(server.pid)],
                                      stderr=subprocess.PIPE, text=True)
            if "attached" not in strace.stderr.readline():
                return None
            things = next(running)
            strace.send_signal(signal.SIGINT)
            strace.communicate()
            running.close()
            calls = {}
            for line in counted:
                found = re.fullmatch(r"\s*(\d+)\s+(\w+)\s*", line)
                if found and found[2] != "total":
                    calls[found[2]] = int(found[1]) / things
            return calls
    except OSError:
        return None


def switch_counting(how, server):
    subprocess.run(["callgrind_control", f"--instr={how}", str(server.pid)], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)


def instructions(figure, name):
    """Instructions for each thing outside of the kernel, by callgrind; None where they cannot be counted."""
    if figure.field == "kib_per_connection" or name in ("ws", "ws+deflate", "fastapi"):
        return None
    try:
        server = started(figure, name, under=["valgrind", "--tool=callgrind", "--instr-atstart=no",
                                              "--callgrind-out-file=/dev/null"])
        running = work(figure, server)
        next(running)
        switch_counting("on", server)
        things = next(running)
        switch_counting("off", server)
        running.close()
        found = re.search(r"Collected : (\d+)", server.stop(signal.SIGTERM))
        return int(found[1]) / things if found else None
    except (OSError, subprocess.CalledProcessError):
        return None


def told_system_calls(figure, name):
    calls = system_calls(figure, name)
    if calls is None:
        row(f"system calls, {name}", "not counted")
        return
    each_turn = {call: count * figure.of_a_turn for call, count in calls.items()}
    most = [f"{call} {count:.4g}" for call, count in sorted(each_turn.items(), key=lambda c: -c[1]) if count >= 0.01]
    each = f"{sum(calls.values()):.3f} a {figure.each}; " if figure.of_a_turn > 1 else ""
    what = "turn" if figure.program != "idle_load" else figure.each
    row(f"system calls a {what}, {name}", f"{sum(each_turn.values()):.2f}", each + ", ".join(most))


# --------------------------------------------------------------------------------------------------------- pairs


def verdict(most, low, high):
    if high <= most:
        return "met"
    return "MISSED" if low > most else "not decided by so many pairs"


def compare(figures, a, b, pairs):
    """Figures that come out of the same slices."""
    first = figures[0]
    taken = []
    watch = Watch()
    for n in range(pairs):
        got = {side: slice_of(first, (a, b)[side]) for side in ((0, 1) if n % 2 == 0 else (1, 0))}
        taken.append((got[0], got[1]))
    others = watch.others()
    for figure in figures:
        heading(f"{figure.title}: {a} / {b}")
        ours, theirs = ([pair[side][figure.field] for pair in taken] for side in (0, 1))
        if min(theirs) <= 0:
            row("no ratio", "", f"{statistics.median(ours):.3f} and {statistics.median(theirs):.3f} {figure.unit}")
            continue
        ratios = [x / y for x, y in zip(ours, theirs)]
        value = statistics.median(ratios)
        bounds = interval(ratios)
        note = f"95 %: {bounds[0]:.3f} to {bounds[1]:.3f}; " if bounds else ""
        note += f"{statistics.median(ours):.3f} and {statistics.median(theirs):.3f} {figure.unit} a {figure.each}"
        row("memory" if figure.unit == "KiB" else "CPU", f"{value:.3f}", note)
        if others > 5:
            row("", "", f"others used {others:.0f} % of the cores meanwhile: measure again when they do not")
        most = ASKED.get((figure.title, a, b))
        if most is not None and bounds:
            row("", "", f"asked: <= {most:g}  {verdict(most, *bounds)}")
        if figure.unit == "KiB":
            continue
        for name in dict.fromkeys((a, b)):
            told_system_calls(figure, name)
        for name in dict.fromkeys((a, b)):
            counted = instructions(figure, name)
            row(f"instructions a {figure.each}, {name}", f"{counted:,.0f}" if counted else "not counted")


def run(chosen, sides, pairs):
    by_work = collections.defaultdict(list)
    for figure in FIGURES:
        if figure.section in chosen:
            by_work[figure.title if figure.program != "idle_load" else figure.program].append(figure)
    for a, b in sides:
        for figures in by_work.values():
            try:
                compare(figures, a, b, pairs)
            except OSError as error:
                not_measured.append(f"{figures[0].title}: {error}")
