"""What was found, as text, JSON and pictures."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile

from plan import NUMBERS


def median(values):
    return statistics.median(values) if values else None


def number(value, places):
    if value >= 10 ** 6 and places == 0:
        return "%.0fk" % (value / 1000)
    return "%.*f" % (places, value)


def cell(values, places):
    """The median, and the spread if there was more than one round."""
    values = [v for v in values if isinstance(v, (int, float))]
    if not values:
        return "-"
    text = number(median(values), places)
    if len(values) > 1:
        text += " [%s-%s]" % (number(min(values), places),
                              number(max(values), places))
    return text


def ratios(rounds, server, key="cpu"):
    """To the floor in the same round; a round that failed has None."""
    mine, floor = rounds.get(server, []), rounds.get("floor", [])
    return [a[key] / b[key] for a, b in zip(mine, floor)
            if a and b and key in a and b.get(key)]


def column(rounds, server, key):
    return [r[key] for r in rounds.get(server, []) if r and key in r]


def aligned(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = ["  ".join([r[0].ljust(widths[0])] + [
        c.rjust(w) for c, w in zip(r[1:], widths[1:])]).rstrip()
        for r in rows]
    lines.insert(1, "-" * len(lines[0]))
    return lines


def scenario_table(scenario, rounds, failures):
    head = ["server"]
    spread = {"cpu", "pss"}
    against = scenario.against_floor
    for key, title, _ in scenario.columns:
        head.append(title)
        if key == against:
            head.append("x floor")
    rows = [head]
    for server in rounds:
        if not any(rounds[server]):
            continue
        row = [server]
        for key, _, places in scenario.columns:
            values = column(rounds, server, key)
            row.append(cell(values if key in spread or len(values) < 2
                            else [median(values)], places))
            if key == against:
                row.append(cell(ratios(rounds, server, key), 2))
        rows.append(row)
    lines = ["", "## %s: %s" % (scenario.name, scenario.title)]
    if len(rows) > 1:
        lines += [""] + aligned(rows)
    for server, why in failures.items():
        lines.append("%s: %s" % (server, why))
    if scenario.note:
        lines += ["", scenario.note]
    return lines


def value_of(results, scenario, key, server):
    rounds = results.get(scenario, {})
    if key == "ratio":
        return ratios(rounds, server)
    return column(rounds, server, key)


def verdict(value, limit):
    if limit is None:
        return "-", ""
    return "%g" % limit, "reached" if value <= limit else "missed"


def numbers_table(results, server):
    rows = [["number (%s)" % server, "median", "must", "", "aim", ""]]
    for scenario, key, title, must, aim in NUMBERS:
        values = value_of(results, scenario, key, server)
        if not values:
            continue
        value = median(values)
        rows.append([title, cell(values, 2), *verdict(value, must),
                     *verdict(value, aim)])
    return aligned(rows) if len(rows) > 1 else []


def text(machine, servers, plan, results, failures, quick):
    lines = ["%s" % machine["command"], ""]
    lines += ["%-10s %s" % kv for kv in machine.items() if kv[0] != "command"]
    lines += ["", "Medians of the rounds, [lowest-highest]; x floor: ratio to "
              "the floor in the same", "round. CPU: user and system, of all "
              "processes of the server.", ""]
    width = max(len(s) for s in servers)
    lines += ["%-*s  %s" % (width, name, does)
              for name, does in servers.items()]
    for scenario in plan:
        if scenario.name in results:
            lines += scenario_table(scenario, results[scenario.name],
                                    failures.get(scenario.name, {}))
    for server in ("ours", "ours-no-chunking"):
        lines += ["", "## numbers to hold: " + server, ""]
        lines += numbers_table(results, server)
    lines += ["", "(bench/run quick: few rounds)"] if quick else []
    return "\n".join(lines) + "\n"


PANELS = (
    ("session", "cpu", "a session with one message of 5 KB", "CPU ms"),
    ("further", "cpu", "a further message of 5 KB", "CPU ms"),
    ("data50", "cpu", "50 MB by DATA", "CPU ms"),
    ("idle", "pss", "an idle connection, logged in", "KiB (PSS)"),
)
GNUPLOT = """\
set terminal svg size 960,720 font "sans-serif,12" background "white"
set output "%(output)s"
set style fill solid 0.8
set boxwidth 0.6
set yrange [0:*]
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror scale 0
set xtics rotate by 40 right
unset key
set multiplot layout 2,2
%(panels)s
unset multiplot
"""
PANEL = """\
set title "%(title)s"
set ylabel "%(unit)s"
plot "%(data)s" using 0:2:3:xtic(1) notitle \
with boxes lc rgb variable, \
"" using 0:4:5:6 notitle with yerrorbars lc rgb "#333333" pt 0
"""
SIZES = """\
set terminal svg size 720,420 font "sans-serif,12" background "white"
set output "%(output)s"
set title "memory by the size of the message (not: what is spooled to disk)"
set xlabel "MB of message"
set ylabel "peak resident, MiB over that of 1 KB"
set logscale x
set yrange [0:*]
set grid lc rgb "#dddddd"
set key left top
plot %(lines)s
"""


def gnuplot(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True,
                   stdout=subprocess.DEVNULL)


def bars(directory, scratch, results):
    panels = ""
    for scenario, key, title, unit in PANELS:
        rounds = results.get(scenario)
        if not rounds:
            return None
        data = os.path.join(scratch, scenario)
        with open(data, "w") as f:
            for server in rounds:
                values = column(rounds, server, key)
                if not values:
                    continue
                colour = (0x999999 if server == "floor" else 0x1f77b4
                          if server.startswith("ours") else 0xd98c3f)
                f.write('"%s" %g %d %g %g %g\n' % (
                    server, median(values), colour, median(values),
                    min(values), max(values)))
        panels += PANEL % {"title": title, "unit": unit, "data": data}
    output = os.path.join(directory, "costs.svg")
    gnuplot(GNUPLOT % {"output": output, "panels": panels})
    return output


def sizes(directory, scratch, results, plan):
    scenario = next((s for s in plan if s.name == "memory"), None)
    rounds = results.get("memory")
    if scenario is None or not rounds:
        return None
    lines = []
    for server in rounds:
        if not any(rounds[server]):
            continue
        r = rounds[server][0]
        data = os.path.join(scratch, "memory-" + server)
        first = r["peak_%d" % scenario.sizes[0]]
        with open(data, "w") as f:
            for size in scenario.sizes:
                f.write("%g %g\n" % (size / 1e6, (
                    r["peak_%d" % size] - first) / 1024))
        lines.append('"%s" with linespoints lw 2 title "%s"' % (data, server))
    output = os.path.join(directory, "memory.svg")
    gnuplot(SIZES % {"output": output, "lines": ", ".join(lines)})
    return output


def pictures(directory, results, plan):
    """Returns what could not be drawn, or None."""
    if not shutil.which("gnuplot"):
        return "no pictures: gnuplot is missing (tests/packages bench)"
    with tempfile.TemporaryDirectory() as scratch:
        bars(directory, scratch, results)
        sizes(directory, scratch, results, plan)
    return None


def write(directory, machine, servers, plan, results, failures):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "table.txt"), "w") as f:
        f.write(text(machine, servers, plan, results, failures, False))
    with open(os.path.join(directory, "results.json"), "w") as f:
        json.dump({"machine": machine, "results": results,
                   "failures": failures}, f, indent=1, sort_keys=True)
        f.write("\n")
    return pictures(directory, results, plan)
