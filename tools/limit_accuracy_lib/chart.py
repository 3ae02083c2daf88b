"""The result as one HTML file: for each fleet, rate and load, what each limiter admitted over time."""
import html
import itertools

COLOURS = {"lease": "#1668b8", "static split": "#c05a00", "window in the store": "#7a7a7a",
           "counters shared every 100 ms": "#b01060", "token bucket": "#2a7d3f"}
WIDTH, HEIGHT, MARGIN = 460, 190, 34
STYLE = "body{font:14px sans-serif;margin:2em;max-width:1000px}svg{margin:0 1em 1em 0}pre{overflow-x:auto}"


def panel(title, rows):
    """One chart; the y axis is admitted requests in times of the rate, the dashed line the rate."""
    tenths = max(len(row.tenths) for row in rows)
    top = max(1.2, max(max(row.tenths) * 10 / row.rate for row in rows) * 1.05)

    def x(index):
        return MARGIN + index / max(tenths - 1, 1) * (WIDTH - MARGIN - 8)

    def y(value):
        return HEIGHT - 22 - value / top * (HEIGHT - 44)

    parts = [f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{html.escape(title)}">',
             f'<text x="{MARGIN}" y="14" font-size="12" font-weight="bold">{html.escape(title)}</text>',
             f'<line x1="{x(0)}" x2="{x(tenths - 1)}" y1="{y(1)}" y2="{y(1)}" stroke="#222" stroke-dasharray="4 3"/>',
             f'<line x1="{x(0)}" x2="{x(tenths - 1)}" y1="{y(0)}" y2="{y(0)}" stroke="#222"/>']
    for value in (0, 1, round(top, 1)):
        parts.append(f'<text x="{MARGIN - 4}" y="{y(value) + 4}" font-size="10" text-anchor="end">{value}</text>')
    for second in range(0, tenths // 10 + 1, 2):
        parts.append(f'<text x="{x(second * 10)}" y="{HEIGHT - 6}" font-size="10" text-anchor="middle">{second} s</text>')
    for second, what in (mark for row in rows for mark in row.marks):
        parts.append(f'<line x1="{x(second * 10)}" x2="{x(second * 10)}" y1="22" y2="{y(0)}" stroke="#c00"/>'
                     f'<text x="{x(second * 10) + 3}" y="30" font-size="10" fill="#c00">{html.escape(what)}</text>')
    for row in reversed(rows):  # The first of them on top.
        points = " ".join(f"{x(i):.1f},{y(count * 10 / row.rate):.1f}" for i, count in enumerate(row.tenths))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[row.limiter]}" stroke-width="1.4"/>')
    return "\n".join([*parts, "</svg>"])


def page(rows, table_text):
    legend = " ".join(f'<span style="color:{colour}">&#9644; {html.escape(name)}</span>' for name, colour in COLOURS.items()
                      if any(row.limiter == name for row in rows))
    panels = [panel(", ".join((fleet, f"{rate:,}/s", load)), list(group)) for (fleet, rate, load), group in
              itertools.groupby(rows, key=lambda row: (row.fleet, row.rate, row.load))]
    return (f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Accuracy of limits</title><style>{STYLE}</style>'
            f"<h1>Accuracy of limits</h1><p>Admitted in each tenth of a second, in times of the rate (dashed). {legend}</p>"
            + "\n".join(panels) + f"<pre>{html.escape(table_text)}</pre></html>\n")
