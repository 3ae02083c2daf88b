"""A row of figures, a single figure, their targets, the tables."""
import dataclasses

HEADER = ("fleet", "rate", "load", "limiter", "offered", "goodput", "beyond", "calls/request", "stall", "")
NUMBERS = {1, 4, 5, 6, 7, 8}
FINDING_NUMBERS = {2, 3}
VERDICTS = {True: "met", False: "missed", None: ""}


@dataclasses.dataclass
class Targets:
    goodput: float  # At least.
    beyond: float  # At most, and so the next.
    calls: float | None = None


@dataclasses.dataclass
class Row:
    fleet: str
    rate: int
    load: str
    limiter: str
    goodput: float
    beyond: float
    calls: float | None
    tenths: list  # Admitted in each tenth of a second.
    targets: Targets | None = None
    # Of real loads only:
    offered: float | None = None  # Requests a second, as measured.
    stall_ms: float | None = None  # How long the machine kept a thread waiting that wanted to run, at most.
    marks: list = dataclasses.field(default_factory=list)  # (second, what happened)

    @property
    def met(self):
        """Whether all targets are; None if there are none."""
        if self.targets is None:
            return None
        return (self.goodput >= self.targets.goodput and self.beyond <= self.targets.beyond
                and (self.targets.calls is None or self.calls <= self.targets.calls))

    def texts(self):
        return (self.fleet, f"{self.rate:,}/s", self.load, self.limiter, "" if self.offered is None else f"{self.offered:,.0f}/s",
                f"{self.goodput:.2%}", f"{self.beyond:.2%}", "" if self.calls is None else f"{self.calls:.2%}",
                "" if self.stall_ms is None else f"{self.stall_ms:.0f} ms", VERDICTS[self.met])


@dataclasses.dataclass
class Finding:
    """A figure that is no share of a rate."""
    about: str
    what: str
    figure: float | str | None  # None: it did not happen.
    unit: str = ""
    most: float | None = None

    @property
    def met(self):
        if self.most is None:
            return None
        return self.figure is not None and self.figure <= self.most

    def texts(self):
        def with_unit(number):
            if number is None or isinstance(number, str):
                return number or "never"
            return f"{number:,.2f}".rstrip("0").rstrip(".") + (f" {self.unit}" if self.unit not in ("", "/s") else self.unit)

        return (self.about, self.what, with_unit(self.figure),
                "" if self.most is None else f"<= {with_unit(self.most)}", VERDICTS[self.met])


def _aligned(lines, numbers):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "".join("  ".join(text.rjust(width) if column in numbers else text.ljust(width)
                             for column, (text, width) in enumerate(zip(line, widths, strict=True))).rstrip() + "\n"
                   for line in lines)


def table(rows, findings=()):
    parts = []
    if rows:
        parts.append(_aligned([HEADER, *(row.texts() for row in rows)], NUMBERS))
    if findings:
        parts.append(_aligned([("about", "what", "figure", "target", ""), *(finding.texts() for finding in findings)], FINDING_NUMBERS))
    return "\n".join(parts)
