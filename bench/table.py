"""What bench/run prints, and keeps so that drawing.py can draw it; and the statistics of it."""

import math
import statistics

charts = []  # a title and its bars, as [name, value, unit], in the order that they were printed
not_measured = []


def heading(text):
    print(f"\n{text}", flush=True)
    charts.append((text, []))


def row(what, value, note=""):
    print(f"  {what:<44} {value:>12}  {note}".rstrip(), flush=True)


def bar(what, value, digits, unit, note=""):
    """A row that is drawn as well."""
    row(what, f"{value:,.{digits}f}{unit}", note)
    charts[-1][1].append((what, value, unit))


def target(what, value, most):
    row(what, f"{value:.2f}", f"asked: <= {most:g}  {'met' if value <= most else 'MISSED'}")


def asked_or_row(what, value, most):
    if most is None:
        row(what, f"{value:.2f}")
    else:
        target(what, value, most)


def in_turn(samples, times):
    """Takes each of the named samples once a round; name -> list of results. One that fails is left out from there."""
    results = {name: [] for name in samples}
    for _ in range(times):
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


def interval(values):
    """The narrowest pair of ranks, of one distance from both ends, that has the median between it with at least 95 %.

    The number of values below the true median is binomial, whatever their distribution is, so nothing is assumed but that
    they are independent. Of 20 values these are the 6th and the 15th (95.9 %). None with fewer than 6 values."""
    n = len(values)
    ordered = sorted(values)
    below, rank = 0.0, 0
    while rank < n // 2:
        below += math.comb(n, rank) / 2 ** n
        if below > 0.025:
            break
        rank += 1
    return (ordered[rank - 1], ordered[n - rank]) if rank > 0 else None
