"""Draws what table.py kept as horizontal bars: one SVG that follows the reader's light or dark scheme.

An SVG in an <img> follows the scheme of the reader's system, and the page around it may be in the other one (on GitHub each
reader chooses). The picture brings its own background in both schemes, so it is readable in each case.
"""

from xml.sax.saxutils import escape

WIDTH, MARGIN, GAP = 960, 24, 36
COLUMN = (WIDTH - 2 * MARGIN - GAP) / 2
NAMES = 172  # room in a column for the names
VALUES = 118  # and for the figures beside the bars
BAR, STEP, TITLE = 13, 21, 42
LONGEST = 3  # a bar that is more than so many times hotline's is cut

STYLE = """
  .paper { fill: #ffffff; stroke: #d1d9e0 }
  text { font: 12px system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 13px; font-weight: 600 }
  .quiet { fill: #59636e }
  .end { text-anchor: end }
  .ours { fill: #0969da }
  .floor { fill: #afb8c1 }
  .peer { fill: #818b98 }
  .cut { stroke: #ffffff; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .ours { fill: #4493f8 }
    .floor { fill: #4d5560 }
    .peer { fill: #6e7681 }
    .cut { stroke: #0d1117 }
  }
"""


def kind(name):
    return "ours" if name.startswith("hotline") else "floor" if name.startswith("floor") else "peer"


def text(x, y, content, style=""):
    return f'<text x="{x:.0f}" y="{y:.0f}"{style and f" class={chr(34)}{style}{chr(34)}"}>{escape(content)}</text>'


def short(value):
    """Three digits, or all of a large number."""
    digits = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def times_of(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def chart(x, y, title, bars):
    """One table, from its upper left corner."""
    first = bars[0][1]  # hotline's, to which the others are compared
    most = max(value for _, value, _ in bars)
    scale = (COLUMN - NAMES - VALUES) / (min(most, LONGEST * first) or most or 1)
    head, _, rest = title.partition(", ")
    out = [text(x, y + 13, head, "title")]
    if rest:
        out.append(text(x, y + 30, rest, "quiet"))
    for n, (name, value, unit) in enumerate(bars):
        top = y + TITLE + n * STEP
        base = top + BAR - 2
        length = min(value * scale, COLUMN - NAMES - VALUES)
        left = x + NAMES
        out.append(text(left - 8, base, name, "end"))
        out.append(f'<rect x="{left:.0f}" y="{top:.0f}" width="{max(length, 1):.1f}" height="{BAR}" rx="2" '
                   f'class="{kind(name)}"/>')
        if value * scale > length + 0.5:
            at = left + length - 16
            out.append(f'<path d="M{at:.0f} {top + BAR + 2:.0f} l6 {-BAR - 4}" class="cut"/>')
        beside = left + length + 7
        times = f'<tspan dx="7" class="quiet">{times_of(value / first)} x</tspan>' if n > 0 and first > 0 else ""
        out.append(f'<text x="{beside:.0f}" y="{base:.0f}">{short(value)}{escape(unit)}{times}</text>')
    return out


def draw(path, charts, caption):
    charts = [(title, bars) for title, bars in charts if len(bars) > 1]
    if not charts:
        return
    columns = [MARGIN, MARGIN + COLUMN + GAP]
    y, drawn = MARGIN, []
    for n in range(0, len(charts), 2):
        row = charts[n:n + 2]
        for x, (title, bars) in zip(columns, row):
            drawn += chart(x, y, title, bars)
        y += TITLE + STEP * max(len(bars) for _, bars in row) + 20
    for line in ("Shorter is better. N x: N times the figure of hotline. A bar with a gap is longer than it is drawn. "
                 "The floor is epoll and send() alone.", caption):
        drawn.append(text(MARGIN, y + 4, line, "quiet"))
        y += 17
    height = y + MARGIN - 12
    body = "\n".join(drawn)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
                   f'viewBox="0 0 {WIDTH} {height:.0f}" role="img">\n'
                   f"<title>What hotline and others cost: {escape('; '.join(title for title, _ in charts))}</title>\n"
                   f"<style>{STYLE}</style>\n"
                   f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="8" class="paper"/>\n'
                   f"{body}\n</svg>\n")
