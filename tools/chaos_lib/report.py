"""The result as Markdown."""

MET = {True: "met", False: "**missed**", None: ""}


def markdown(result):
    lines = [f"Measured on {result['machine']}; ringproxy {result['version']}, two workers, default settings; four redis-servers; "
             f"{result['rate']:,} GETs a second; {result['date']}.", ""]
    lines += ["| scenario | what | target | measured | |", "| --- | --- | --- | --- | --- |"]
    for name, scenario in result["scenarios"].items():
        lines += [f"| {name} | {row.what} | {row.target} | {row.measured} | {MET[row.met]} |" for row in scenario["rows"]]
        if scenario["failure"]:
            lines.append(f"| {name} | could not be measured | | {scenario['failure']} | **failed** |")
    stalls = {name: row.figures["stall_ms"] for name, scenario in result["scenarios"].items() for row in scenario["rows"]
              if "stall_ms" in row.figures}
    lines += ["", "The machine kept a thread of this tool waiting for at most " +
              ", ".join(f"{milliseconds:.0f} ms ({name})" for name, milliseconds in stalls.items()) +
              f"; the load average before was {result['load_before']:.1f}."]
    return "\n".join(lines) + "\n"
