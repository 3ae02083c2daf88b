#!/usr/bin/python3
"""Checks the structure of the sources: who includes whom, which folder opens which library, sizes of files and classes, READMEs, manners,
that a document to which a source refers is there, and that promises have their tests (`promises.py`).

Prints one line for each finding, `file:line: what, bound`, and leaves with 1 when there is any.
"""
import ast
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from cpp_classes import class_sizes  # noqa: E402
from promises import check_promises  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SOURCE_FOLDERS = ["ring", "conf", "backends", "proxy", "tools", "tests"]
BUILT = {"__pycache__", ".pytest_cache"}

# A folder may include itself and those before it, apart from the exceptions below. A file belongs to its longest folder.
ORDER = ["ring", "conf", "conf/import", "backends/net", "backends/wire", "backends", "backends/health", "backends/link", "proxy/route",
         "proxy/state", "proxy/local", "proxy/observe", "proxy/guard", "proxy/session", "proxy/control", "proxy/admin", "proxy", "tools", "tests"]
MAY_INCLUDE = {folder: ORDER[:place] for place, folder in enumerate(ORDER)} | {
    "ring": [],
    "backends/net": [],
    "backends/wire": [],
    "proxy/local": ORDER[:ORDER.index("backends") + 1] + ["proxy/state"],
}

# A library has one door: only files whose path begins with one of these include its headers. Tests are free.
DOORS = {
    "xxh": ["ring/hash."],
    "openssl/": ["ring/md5.", "ring/sha1."],
    "yaml-cpp/": ["conf/parse"],
    "event": ["backends/net/", "proxy/admin/admin_http.", "proxy/server."],
    "prometheus/": ["proxy/admin/metrics"],
    "boost/": ["proxy/command_line.", "tools/"],
    "nlohmann/": ["conf/", "proxy/admin/", "proxy/control/log.", "tools/"],
    "spdlog/": ["backends/", "proxy/"],
}

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
MAX_README_LINES = 40
MAX_METHODS = 25
MAX_MEMBERS = 15
DATA_TABLE = "_table"  # In a file's name: it is rows, and those may be many.

# Waiting for a time is slow on a fast machine and flaky on a slow one; a skipped test is a bug that nobody sees.
SLEEP = re.compile(r"\b(u?sleep|nanosleep|sleep_for|sleep_until)\(")
SKIP = re.compile(r"\b(GTEST_SKIP|DISABLED_|pytest\.(skip|xfail|importorskip)|mark\.(skip|xfail)|unittest\.skip)")

DOCUMENT = re.compile(r'(?<!["\w-])[\w-]+\.md\b(?!")')  # A name in quotes is a file that a program reads or writes.
SEMANTICS = "backends/wire/semantics.md"
PROMISES = "tests/promises.md"
SECTIONS = re.compile(r"semantics\.md (\d+(?:(?:, | and | to )\d+)*)")

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)
FUNCTION_HEAD = re.compile(r"\)\s*(const\b|noexcept\b|override\b|final\b|mutable\b|&|->.*|:[^:].*|requires\b.*|\s)*$", re.DOTALL)
TYPE_HEAD = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$")


def folder_of(path):
    """The row of MAY_INCLUDE that a path belongs to, or None."""
    return max((folder for folder in MAY_INCLUDE if path.startswith(folder + "/")), key=len, default=None)


def check_includes(path, lines):
    own = folder_of(path)
    if own in ("backends", "proxy") and path.count("/") > own.count("/") + 1:
        yield 1, f"its folder has no row in the table of {Path(__file__).name}"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        if kind == '"':
            target = folder_of(name)
            if target is None:
                yield number, f'"{name}" is not written from the root'
            elif target != own and target not in MAY_INCLUDE[own]:
                yield number, f"{own}/ includes {target}/, may include only {', '.join(MAY_INCLUDE[own]) or 'itself'}"
        elif not path.startswith("tests/"):
            for library, doors in DOORS.items():
                if name.startswith(library) and not path.startswith(tuple(doors)):
                    yield number, f"<{name}> is included only in {', '.join(doors)}"


def blank(match):
    """Replaces comments and literals by spaces, line ends kept, so that their braces do not count."""
    return re.sub(r"[^\n]", " ", match.group())


def code_of(text):
    """A C++ text without comments, literals and preprocessor lines; every line stays where it is."""
    return re.sub(r"^\s*#[^\n]*", blank, NOT_CODE.sub(blank, text), flags=re.MULTILINE)


def cpp_functions(text):
    """(first line, lines) of every function body that is not inside another; initialisers and types are none."""
    text = code_of(text)
    stack = []  # (is a function, the statement before its brace, where the statement began)
    statement, begin = "", 0
    for position, char in enumerate(text):
        if char == "{":
            # Google style has a blank before the brace of a body, and none before that of an initialiser.
            is_body = text[position - 1].isspace()
            is_function = is_body and bool(FUNCTION_HEAD.search(statement)) and not any(entry[0] for entry in stack)
            is_scope = is_body and bool(TYPE_HEAD.search(statement))
            stack.append((is_function, "" if is_function or is_scope else statement, begin))
            statement, begin = "", position + 1
        elif char == "}" and stack:
            is_function, statement, start = stack.pop()
            if is_function:
                first = text.count("\n", 0, start) + 1
                yield first, text.count("\n", start, position) + 1
            begin = start if statement else position + 1
        elif char == ";":
            statement, begin = "", position + 1
        elif statement or not char.isspace():
            begin = begin if statement else position
            statement += char


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


def is_python(path, text):
    return path.endswith(".py") or text.startswith("#!/usr/bin/python3")


def check_sizes(path, text):
    if DATA_TABLE in Path(path).name:
        return
    count = text.count("\n")
    if count > MAX_FILE_LINES:
        yield 1, f"{count} lines, at most {MAX_FILE_LINES}"
    functions = []
    if path.endswith((".h", ".cc")):
        functions = cpp_functions(text)
    elif is_python(path, text):
        functions = python_functions(text)
    for line, length in functions:
        if length > MAX_FUNCTION_LINES:
            yield line, f"a function of {length} lines, at most {MAX_FUNCTION_LINES}"


def check_classes(path, text):
    for line, name, methods, members in class_sizes(code_of(text)):
        if methods > MAX_METHODS:
            yield line, f"{name} has {methods} methods, at most {MAX_METHODS}"
        if members > MAX_MEMBERS:
            yield line, f"{name} has {members} members, at most {MAX_MEMBERS}"


def check_manners(path, lines):
    # Helpers of the end-to-end tests may poll a foreign process, up to a deadline; a test itself calls them.
    may_poll = path.endswith(".py") and not Path(path).name.startswith("test_")
    for number, line in enumerate(lines, 1):
        if SLEEP.search(line) and not may_poll:
            yield number, "a test sleeps; it shall drive the clock, or wait for a condition up to a deadline"
        if SKIP.search(line):
            yield number, "a test is skipped; it shall run or go"


def check_readmes():
    for folder in SOURCE_FOLDERS:
        if not (ROOT / folder / "README.md").exists():
            yield f"{folder}/README.md:1: is missing"
        for readme in (ROOT / folder).rglob("README.md"):
            count = len(readme.read_text().splitlines())
            if count > MAX_README_LINES:
                yield f"{readme.relative_to(ROOT)}:1: {count} lines, at most {MAX_README_LINES}"


def check_references(lines, documents, sections):
    for number, line in enumerate(lines, 1):
        for name in set(DOCUMENT.findall(line)) - documents:
            yield number, f"{name} is no document of this repository"
        for numbers in SECTIONS.findall(line):
            for section in sorted(set(re.findall(r"\d+", numbers)) - sections):
                yield number, f"{SEMANTICS} has no section {section}"


def sources():
    """Every C++ file and script, as (path from the root, text)."""
    for folder in SOURCE_FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if not file.is_file() or BUILT & set(file.parts):
                continue
            if file.suffix in (".h", ".cc", ".py") or file.name == "CMakeLists.txt" or (folder == "tools" and not file.suffix):
                yield str(file.relative_to(ROOT)), file.read_text()


def main():
    findings = list(check_readmes()) + [f"{PROMISES}:{line}: {what}" for line, what in check_promises(ROOT / PROMISES, ROOT)]
    documents = {file.name for folder in SOURCE_FOLDERS for file in (ROOT / folder).rglob("*.md")} | {file.name for file in ROOT.glob("*.md")}
    sections = set(re.findall(r"^## (\d+)\. ", (ROOT / SEMANTICS).read_text(), re.MULTILINE))
    for path, text in sources():
        lines = text.splitlines()
        found = list(check_sizes(path, text)) + list(check_references(lines, documents, sections))
        if path.endswith((".h", ".cc")):
            found += check_includes(path, lines)
            if not path.startswith("tests/"):
                found += check_classes(path, text)
        if path.startswith("tests/"):
            found += check_manners(path, lines)
        findings += [f"{path}:{line}: {what}" for line, what in found]
    print("\n".join(findings) or "layers, doors, sizes, READMEs, promises and test manners: ok")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
