"""How many methods and data members the classes of a C++ text have.

No parser of C++: it reads declarations as this project's clang-format leaves them. Constructors and operators count as methods,
those of a nested class not; static constants, aliases and friends are neither.
"""
import re

HEAD = re.compile(r"\b(?:class|struct)\s+(\w+)(?:\s+final)?\s*(?::[^;{]*)?\{")
FUNCTION_HEAD = re.compile(r"\)\s*(const|noexcept|override|final|&|\s|->[^{]*|:[^{]*)*$")
TYPE_HEAD = re.compile(r"\b(class|struct|union|enum)\b[^()]*$")
ACCESS = re.compile(r"\b(public|private|protected)\s*:")
NEITHER = re.compile(r"(using|friend|static_assert|static constexpr|static inline|class|struct|enum|union)\b")
TEMPLATE_ARGUMENTS = re.compile(r"<[^<>]*>")


def class_sizes(code):
    """Yields (line, name, methods, members) of each class with a method. `code` has no comments and no literals."""
    for head in HEAD.finditer(code):
        methods, members = count(code, head.end())
        if methods:
            yield code.count("\n", 0, head.start()) + 1, head.group(1), methods, members


def count(code, position):
    methods = members = 0
    depth, statement = 1, ""
    while depth:
        char = code[position]
        position += 1
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 1 and FUNCTION_HEAD.search(statement) and not TYPE_HEAD.search(statement):
                methods, statement = methods + 1, ""
        elif depth > 1:
            continue
        elif char != ";":
            statement += char
        else:
            declared = " ".join(ACCESS.sub("", statement).split())
            statement = ""
            if declared and not NEITHER.match(declared):
                is_method = "(" in without_template_arguments(declared).split("=")[0]
                methods, members = methods + is_method, members + (not is_method)
    return methods, members


def without_template_arguments(text):
    while TEMPLATE_ARGUMENTS.search(text):
        text = TEMPLATE_ARGUMENTS.sub("", text)
    return text
