#!/usr/bin/env python3
"""Makes the golden files beside it: what independent implementations say of rules and patterns.

    python3 -m venv venv && venv/bin/pip install python-dateutil croniter
    venv/bin/python tests/golden/generate.py

Each line holds a question and its answer, separated by tabs. `rules.tsv`: rule, begin, days counted from, occurrences.
`cron.tsv`: pattern, reading of the days, begin, occurrences. Everything is civil time; no zone is involved.
The seed is fixed, so a second run changes a file only where an implementation has changed its mind.
"""

import datetime
import pathlib
import random
import warnings
from importlib.metadata import version

import croniter
from croniter import croniter as Croniter
from dateutil.rrule import rrulestr

HERE = pathlib.Path(__file__).parent
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
MOST = 24
CASES = 1200
LAST = datetime.datetime(2038, 1, 1)


def some(draw, values, most):
    return ",".join(str(v) for v in sorted(draw.sample(values, draw.randint(1, most)), key=str))


def rule(draw):
    frequency = draw.choice(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])
    parts = [f"FREQ={frequency}"]
    if draw.random() < 0.5:
        parts.append(f"INTERVAL={draw.choice([2, 2, 3, 4, 5, 7, 13])}")
    end = draw.random()
    if end < 0.2:
        parts.append(f"COUNT={draw.randint(1, 40)}")
    elif end < 0.35:
        # A date alone is midnight to dateutil, and to us the whole of that day; so the time is written out.
        parts.append(f"UNTIL={draw.randint(2027, 2031)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}T235959")
    days = False
    if draw.random() < 0.35:
        parts.append("BYMONTH=" + some(draw, range(1, 13), 4))
    signed = lambda most: [n for n in range(-most, most + 1) if n]
    if frequency == "YEARLY" and draw.random() < 0.15:
        parts.append("BYYEARDAY=" + some(draw, [1, -1, 60, 100, 200, 365, 366, -366, -100], 4))
        days = True
    if frequency != "WEEKLY" and draw.random() < 0.3:
        parts.append("BYMONTHDAY=" + some(draw, signed(31), 5))
        days = True
    if frequency == "YEARLY" and draw.random() < 0.2:
        parts.append("BYWEEKNO=" + some(draw, [1, 2, 20, 52, 53, -1, -2], 3))
        parts.append("BYDAY=" + some(draw, DAYS, 4))
        days = True
    elif draw.random() < 0.55:
        nth = {"MONTHLY": [1, 2, 3, 4, 5, -1, -2], "YEARLY": [1, 2, 10, 20, 50, -1, -5]}.get(frequency)
        if nth and any(part.startswith("BYMONTH=") for part in parts):
            nth = [1, 2, 3, 4, 5, -1, -2]
        named = draw.sample(DAYS, draw.randint(1, 4))
        if nth and draw.random() < 0.6:
            named = [f"{draw.choice(nth)}{day}" for day in named]
        parts.append("BYDAY=" + ",".join(named))
        days = True
    if days and draw.random() < 0.25:
        # In January dateutil leaves out days of the old year's last week, which changes what stands at a position.
        if not any(part.startswith("BYWEEKNO=") for part in parts):
            parts.append("BYSETPOS=" + some(draw, [1, 2, 3, -1, -2], 2))
    if draw.random() < 0.3:
        parts.append(f"WKST={draw.choice(DAYS)}")
    return ";".join(parts)


def rules():
    draw = random.Random(5545)
    lines = []
    while len(lines) < CASES:
        text = rule(draw)
        begin = datetime.datetime(2026, 1, 1) + datetime.timedelta(days=draw.randrange(1200), hours=draw.randrange(24))
        if text.startswith("FREQ=WEEKLY") and "BYSETPOS" in text:
            # dateutil counts positions in the first week from the beginning on, and not in the whole week.
            week_start = DAYS.index(text.partition("WKST=")[2][:2] or "MO")
            begin -= datetime.timedelta(days=(begin.weekday() - week_start) % 7)
        occurrences = []
        for at in rrulestr(text, dtstart=begin):
            if len(occurrences) == MOST or at > LAST:
                break
            occurrences.append(at)
        # A rule that never fires is refused by us, and so it is no question.
        if occurrences:
            times = " ".join(at.strftime("%Y-%m-%dT%H:%M:%S") for at in occurrences)
            lines.append(f"{text}\t{begin.isoformat()}\t{times}")
    return lines


def field(draw, least, most, names=()):
    kind = draw.random()
    name = lambda n: names[n - least] if names and draw.random() < 0.5 and n - least < len(names) else str(n)
    if kind < 0.35:
        return "*"
    if kind < 0.5:
        return f"*/{draw.choice([step for step in (2, 3, 5, 7, 10) if step <= most])}"
    if kind < 0.65:
        first, last = sorted(draw.sample(range(least, most + 1), 2))
        return f"{name(first)}-{name(last)}" + (f"/{draw.randint(1, 5)}" if draw.random() < 0.3 else "")
    return ",".join(name(n) for n in draw.sample(range(least, most + 1), draw.randint(1, 3)))


MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def pattern(draw):
    day = draw.choice(["*", "*", "L", field(draw, 1, 31), field(draw, 1, 31)])
    weekday = draw.choice(["*", "*", field(draw, 0, 6, WEEKDAYS), f"{draw.choice(WEEKDAYS)}#{draw.randint(1, 5)}"])
    # Steps over all days are a star to one cron and a list to another, so they are no question beside the other field.
    if (day.startswith("*/") or weekday.startswith("*/")) and "*" not in (day, weekday):
        weekday = "*"
    if day == "L" and weekday != "*":
        weekday = "*"
    return f"{field(draw, 0, 59)} {field(draw, 0, 23)} {day} {field(draw, 1, 12, MONTHS)} {weekday}"


def cron():
    draw = random.Random(1975)
    lines = []
    while len(lines) < CASES:
        text = pattern(draw)
        _, _, day, _, weekday = text.split()
        # To croniter, the nth such weekday goes with the day of the month in every reading.
        readings = ["both"] if "#" in weekday else ["both", "either"]
        reading = draw.choice(readings) if "*" not in (day, weekday) else "-"
        begin = datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=draw.randrange(3 * 366 * 1440))
        try:
            # croniter counts from after the beginning; we count the beginning in.
            walk = Croniter(text, begin - datetime.timedelta(seconds=1), day_or=reading != "both")
            occurrences = []
            while len(occurrences) < MOST:
                at = walk.get_next(datetime.datetime)
                if at > LAST:
                    break
                occurrences.append(at)
        except (croniter.CroniterBadDateError, croniter.CroniterBadCronError):
            continue
        if occurrences:
            times = " ".join(at.strftime("%Y-%m-%dT%H:%M:%S") for at in occurrences)
            lines.append(f"{text}\t{reading}\t{begin.isoformat()}\t{times}")
    return lines


def write(name, by, lines):
    text = f"# Made by generate.py with {by}. Not to be edited.\n" + "\n".join(lines) + "\n"
    (HERE / name).write_text(text)
    print(f"{name}: {len(lines)}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write("rules.tsv", f"dateutil {version('python-dateutil')}", rules())
    write("cron.tsv", f"croniter {version('croniter')}", cron())
