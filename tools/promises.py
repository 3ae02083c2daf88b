"""Checks the page that says which test holds which promise: a promise is quoted from the page that makes it, and its tests are there."""
import re

HEADING = re.compile(r"^## \[[^\]]+\]\(([^)]+)\)")  # The page that is quoted from here on.
PROMISE = re.compile(r'^- "(.*)"$')
NAMED = re.compile(r"`([^`\s]+)`")
PYTHON_TEST = r"^(?:class \w+.*:\n(?:.*\n)*?    )?def {}\("
CPP_TEST = r"^TEST(?:_[FP])?\(\s*{},\s*{}\s*\)"


def plain(text):
    """Without emphasis and line ends, which a quotation leaves out."""
    return " ".join(text.replace("**", "").split())


def why_no_test(name, root):
    """Of `FILE::NAME` in tests/, or of a tool that measures; None = it is there."""
    file, _, test = name.partition("::")
    path = root / ("tests/" + file if test else file)
    if not path.is_file():
        return f"{file} is not there"
    if not test:
        return None if file.startswith("tools/") else f"{file} names no test"
    if file.endswith(".py"):
        pattern = PYTHON_TEST.format(re.escape(test))
    else:
        suite, _, case = test.partition(".")
        pattern = CPP_TEST.format(re.escape(suite), re.escape(case))
    return None if re.search(pattern, path.read_text(), re.MULTILINE) else f"{file} has no test {test}"


def check_promises(page, root):
    """Findings as (line, what)."""
    source, text = None, ""
    promise, tests = None, 0  # The line of the last one, and how many tests it has so far.
    for number, line in enumerate([*page.read_text().splitlines(), "- end"], 1):
        if heading := HEADING.match(line):
            source = (page.parent / heading[1]).resolve()
            text = plain(source.read_text()) if source.is_file() else ""
            if not text:
                yield number, f"{heading[1]} is not there"
        if line.startswith(("- ", "#")):
            if promise and not tests:
                yield promise, "a promise without a test"
            promise, tests = None, 0
        if quoted := PROMISE.match(line):
            promise = number
            if plain(quoted[1]) not in text:
                yield number, f"not on the page: {quoted[1]}"
        elif promise:
            names = [name for name in NAMED.findall(line) if "/" in name]
            tests += len(names)
            for name in names:
                if why := why_no_test(name, root):
                    yield number, why
