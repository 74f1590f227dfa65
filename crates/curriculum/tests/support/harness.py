"""Tries an exercise: does its reference solution pass its own tests, and do the starter and the wrong solutions fail?

Reads a job as JSON, prints a report as JSON. Every run of a program is a forked child with an empty folder of its own, so
that nothing one run does reaches another, and a program that never ends is killed.
"""

import ast
import collections
import io
import json
import marshal
import math
import os
import random  # here, so that no child has to load it
import resource
import signal
import sys
import traceback
import types

SECONDS = 2  # of CPU time for the solution
WRONG_SECONDS = 1  # for a program that is to fail anyway
PATIENCE = 5  # times as long by the clock: the machine may be busy
MEMORY = 512 * 1024 * 1024
VALUES = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)


def attempt(code, test, function, seconds):
    """Runs a program on a test in a child: ("value", v), ("printed", text) or ("error", message)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        result = in_child(code, test, function, seconds)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(result)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pipe.read()
    status = os.waitpid(child, 0)[1]
    if result:
        return marshal.loads(result)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in (signal.SIGALRM, signal.SIGPROF):
            return "error", f"it takes longer than {seconds} s"
        return "error", f"it was killed by {signal.Signals(number).name}"
    return "error", "it ended the process"


def in_child(code, test, function, seconds):
    try:
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds * PATIENCE)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        folder = f"run-{os.getpid()}"
        os.mkdir(folder)
        os.chdir(folder)
        sys.path[0] = os.getcwd()
        for descriptor in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
        printed = io.BytesIO()
        sys.stdin = io.TextIOWrapper(io.BytesIO(test.get("input", "").encode()), encoding="utf-8")
        sys.stdout = io.TextIOWrapper(printed, encoding="utf-8")
        sys.argv = ["main.py"]
        result = run(code, test, function, printed)
        return marshal.dumps(result)
    except BaseException as error:
        return marshal.dumps(("error", describe(error)))


def run(code, test, function, printed):
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(code, "main.py", "exec"), module.__dict__)
    except SystemExit as error:
        if function or error.code not in (None, 0):
            raise
    if not function:
        sys.stdout.flush()
        return "printed", printed.getvalue().decode()
    if not callable(getattr(module, function, None)):
        return "error", f"it defines no function {function}"
    value = getattr(module, function)(*arguments(test["args"]))
    check_value(value)
    return "value", value


def check_value(value):
    if type(value) not in VALUES:
        raise TypeError(f"a {type(value).__name__} can't be compared: only built-in values can")
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            check_value(item)


def arguments(text):
    """The arguments of a call as written between its brackets."""
    tree = ast.parse(f"({text},)" if text.strip() else "()", mode="eval")
    names = {"inf": math.inf, "nan": math.nan, "set": set, "frozenset": frozenset}
    allowed = (
        ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Load, ast.Name, ast.Call,
        ast.UnaryOp, ast.USub, ast.UAdd, ast.BinOp, ast.Add, ast.Sub,
    )
    for node in ast.walk(tree):
        is_known = isinstance(node, allowed)
        if isinstance(node, ast.Name):
            is_known = node.id in names
        elif isinstance(node, ast.BinOp):  # a complex number
            is_known = isinstance(node.right, ast.Constant) and isinstance(node.right.value, complex)
        if not is_known:
            raise ValueError(f"the arguments are no Python literals (a value is written out, not calculated): {text}")
    return eval(compile(tree, "arguments", "eval"), {"__builtins__": {}, **names})


def describe(error):
    text = traceback.format_exception_only(error)[-1].strip()
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "main.py"]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    return f"{text} (line {lines[-1]} of the code)" if lines else text


def canonical(value):
    """Equal for the same type and value only; nan is equal to nan, sets and dictionaries have no order."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple)):
        return kind, tuple(map(canonical, value))
    if isinstance(value, (set, frozenset)):
        return kind, frozenset(map(canonical, value))
    if isinstance(value, dict):
        return kind, frozenset((canonical(key), canonical(item)) for key, item in value.items())
    if isinstance(value, float) and math.isnan(value):
        return kind, "nan"
    return kind, value


def stable(value):
    """The text of a canonical value, the same in every process: Python writes the items of a set in any order."""
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(stable, value))) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(stable, value)) + ")"
    return repr(value)


def approximate(one, other):
    numbers = (int, float)
    if type(one) in numbers and type(other) in numbers and float in (type(one), type(other)):
        return canonical(one) == canonical(other) or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if type(one) is not type(other):
        return False
    if isinstance(one, complex):
        return approximate(one.real, other.real) and approximate(one.imag, other.imag)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(approximate, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(approximate(one[key], other[key]) for key in one)
    return canonical(one) == canonical(other)


def agree(expected, got, comparison):
    if expected[0] != got[0]:
        return False
    one, other = expected[1], got[1]
    if comparison == "approximate":
        return approximate(one, other)
    if comparison == "unordered" and type(one) is type(other) and isinstance(one, (list, tuple)):
        return collections.Counter(map(canonical, one)) == collections.Counter(map(canonical, other))
    if comparison == "trailing_whitespace":
        return [line.rstrip() for line in one.rstrip().split("\n")] == [
            line.rstrip() for line in other.rstrip().split("\n")
        ]
    if comparison == "whitespace":
        return one.split() == other.split()
    return canonical(one) == canonical(other)


def is_python(code):
    try:
        compile(code, "main.py", "exec")
    except (SyntaxError, ValueError) as error:
        return describe(error)


def shown(test):
    return repr(test["input"]) if "input" in test else f"({test['args']})"


def solve(job, tests, problems):
    """What the solution gives for each test; None if it fails on one."""
    expected = []
    for test in tests:
        result = attempt(job["solution"], test, job["function"], SECONDS)
        if result[0] == "error":
            problems.append(f"the solution fails on the test {test['name']!r}, {shown(test)}: {result[1]}")
            return None
        expected.append(result)
    return expected


def passes(code, job, tests, expected):
    for test, right in zip(tests, expected):
        if not agree(right, attempt(code, test, job["function"], WRONG_SECONDS), job["comparison"]):
            return False
    return True


def try_exercise(job, tests, problems):
    for test in tests:
        if "args" in test:
            try:
                arguments(test["args"])
            except Exception as error:
                problems.append(f"the arguments of the test {test['name']!r}: {describe(error)}")
    if problems:
        return None
    expected = solve(job, tests, problems)
    if expected is None:
        return None
    different_inputs = {shown(test) for test in tests}
    if len(different_inputs) > 1 and all(agree(expected[0], other, job["comparison"]) for other in expected):
        problems.append(f"every test expects the same, {expected[0][1]!r}: a program without any logic would pass")
    wrong = is_python(job["starter"])
    if wrong:
        problems.append(f"the starter is no Python: {wrong}")
    elif passes(job["starter"], job, tests, expected):
        problems.append("the starter passes all tests as it is")
    fixed = len(job["tests"])
    for number, program in enumerate(job["wrong"], 1):
        wrong = is_python(program["code"])
        if wrong:
            problems.append(f"the wrong solution {number} is no Python: {wrong}")
        elif passes(program["code"], job, tests[:fixed], expected):
            problems.append(f"the wrong solution {number} ({program['why']}) passes all fixed tests")
    return [[shown(test), stable(canonical(result[1]))] for test, result in zip(tests, expected)]


def main():
    job = json.load(sys.stdin)
    problems = []
    given = {"input": ""}
    kind, text = attempt(job["inputs_program"], given, None, SECONDS)
    random_tests = []
    if kind == "error":
        problems.append(f"the inputs of the random tests can't be made: {text}")
    else:
        names = [name for name, count in job["random_tests"] for _ in range(count)]
        for name, value in zip(names, json.loads(text), strict=True):
            key, value = ("args", ", ".join(value)) if job["function"] else ("input", value)
            random_tests.append({"name": name, key: value})
    results = try_exercise(job, job["tests"] + random_tests, problems)
    json.dump({"problems": problems, "results": results}, sys.stdout)


if __name__ == "__main__":
    main()
