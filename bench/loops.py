"""What each loop costs that hotline can live in: from an event to the client, and wake-ups when nothing happens.

Measured are the two transports in loops of their own, and the programs of build-bench/examples/loops, or of the folders, and
the programs, that `--loops` names. Such a program

- takes `--port 0`, and first prints a line that begins with `listening on` and ends with its port,
- answers the command `tick`, after which its loop, not the handler, emits an event of type `tick` to the sender's project
  with `t_ns`, the steady clock's nanoseconds at the emit.
"""

import glob
import os
import time

from servers import OURS, ROOT, SERVERS, Load, Server
from table import bar, heading, in_turn, median, not_measured, ratio, target

folders = []  # and programs
IDLE_SECONDS = 10
TURNS = 200  # events of a slice


def programs():
    for place in folders or [f"{ROOT}/build-bench/examples/loops"]:
        yield from [place] if os.path.isfile(place) else sorted(filter(os.path.isfile, glob.glob(f"{place}/*")))


def wake_ups(pid):
    """How often a thread of the process has gone to sleep, which is as often as one was woken."""
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            count += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return count


def run(rounds):
    for path in programs():
        SERVERS[f"hotline in {os.path.basename(path)}"] = [path, "--port", "0"]
    servers, loads = {}, {}
    for name in [*OURS, *(name for name in SERVERS if name.startswith("hotline in "))]:
        try:
            servers[name] = Server(name)
        except OSError as error:
            not_measured.append(f"{name}: {error}")
    for name, server in servers.items():
        loads[name] = Load("loop_load", server)
    results = in_turn({name: lambda load=load: load.take("turns", TURNS) for name, load in loads.items()}, rounds)

    heading("from an event of the host's to a client, p50")
    for name, got in results.items():
        bar(name, median(got, "p50_us"), 0, " us", f"p99 {median(got, 'p99_us'):,.0f} us; from a client's command to the "
            f"event that it caused, p50 {median(got, 'round_trip_p50_us'):,.0f} us")
    for name in results:
        if name != "hotline" and "hotline" in results:
            target(f"p50, {name} / hotline", ratio(results[name], results["hotline"], "p50_us"), 1.2)

    before = {name: wake_ups(server.pid) for name, server in servers.items()}
    time.sleep(IDLE_SECONDS)
    heading(f"wake-ups a second beside an idle client, over {IDLE_SECONDS} s")
    for name, server in servers.items():
        count = wake_ups(server.pid) - before[name]
        most = 2 * IDLE_SECONDS + 1  # one may fall on either edge
        alone = "" if name in results else "; no client"
        bar(name, count / IDLE_SECONDS, 1, "", f"asked: <= 2  {'met' if count <= most else 'MISSED'}{alone}")
    for load in loads.values():
        load.stop()
    for server in servers.values():
        server.stop()
