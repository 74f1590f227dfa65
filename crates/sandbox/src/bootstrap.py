"""Runs one student's program in a jail: receives it, limits itself, executes it.

Everything here happens in the process that will run the student's code, so nothing here is
trusted afterwards: the limits are hard limits of the kernel, and the verdict is made outside.
Descriptor 3 is a socket to the service; it is closed before the program starts, unless the
service has to hear of it (open input, executed lines, test cases: see `harness.py`). Messages are
described in `program.rs`.

As little as possible is imported before the program comes: a jail is used once, and what its
interpreter imports is a good part of what a run costs. While the machine is idle, the service has
waiting interpreters import what programs import most.
"""

import _sitebuiltins
import _thread
import atexit
import builtins
import gc
import posix
import sys

CONTROL = 3
HOME = "/tmp"
HARNESS = "/lf/harness.pyc"
OWN_FILE = "<sandbox>"
READY = b"R"
ENRICHED = b"E"
STARTED = b"S"
THREAD_STACK = 512 * 1024
FLUSH_FAILED = 120  # what CPython itself answers when the last flush fails
# Flags of a message.
OPEN_INPUT, COVERAGE, LIMITED, CASE, CASES = 1, 2, 4, 8, 16
POPULAR = ("os", "math", "random", "time", "datetime", "json", "string", "collections", "itertools", "functools")
# Given back when memory runs out, so that there is enough to say so. Its pages are never touched.
reserve = [bytes(1 << 20)]


class Message:
    """Reads the fields of one length-prefixed message."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._rest = b""
        self._rest = self._receive(int.from_bytes(self._receive(4), "little"))

    def take(self, size):
        field, self._rest = self._rest[:size], self._rest[size:]
        return field

    def number(self, size=4):
        return int.from_bytes(self.take(size), "little")

    def field(self):
        return self.take(self.number())

    def _receive(self, size):
        parts = []
        while size:
            part = posix.read(self._descriptor, min(size, 1 << 16))
            if not part:
                posix._exit(0)  # the service went away: there is nobody to run for
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def write_all(descriptor, content):
    while content:
        content = content[posix.write(descriptor, content) :]


def write_file(name, content):
    for at, letter in enumerate(name):
        if letter == "/":
            try:
                posix.mkdir(f"{HOME}/{name[:at]}")
            except FileExistsError:
                pass
    descriptor = posix.open(f"{HOME}/{name}", posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o644)
    write_all(descriptor, content)
    posix.close(descriptor)


def exit_code_of(leaving):
    code = leaving.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def show(error):
    """Prints the error as the interpreter would, without the frames of this file."""
    if isinstance(error, MemoryError):
        reserve.clear()
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == OWN_FILE:
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.excepthook(type(error), error, error.__traceback__)


def guarded(function, *arguments):
    """The exit code of what the program does, and what comes of it."""
    try:
        return 0, function(*arguments)
    except SystemExit as leaving:
        return exit_code_of(leaving), None
    except BaseException as error:
        try:
            show(error)
        except BaseException:
            pass  # the program broke its own reporting
        return 1, None


def execute(source, namespace):
    exec(compile(source, "main.py", "exec", dont_inherit=True), namespace)


def finish():
    """Does what the interpreter owes a program at its end, short of tearing itself down."""
    failed = False
    threads = sys.modules.get("threading")
    steps = [threads._shutdown] if threads else []
    for step in (*steps, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
        try:
            step()
        except BaseException:
            failed = True
    return failed


def leave(code, failed):
    posix._exit(FLUSH_FAILED if failed and code == 0 else code)


def prepare_module(name):
    module = type(sys)(name)
    module.__file__ = "main.py"
    module.__builtins__ = builtins
    sys.modules[name] = module
    return module.__dict__


def prepare_interpreter():
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()
    sys.stdout.reconfigure(line_buffering=True)  # so that a time-out loses no whole line
    _thread.stack_size(THREAD_STACK)
    posix.set_inheritable(CONTROL, False)


def wait_for_program():
    """Imports more when asked to, until the program comes."""
    early = frozenset(sys.modules)
    posix.write(CONTROL, READY)
    while True:
        request = posix.read(CONTROL, 1)
        if request != b"E":
            return early, request
        for name in POPULAR:
            __import__(name)
        gc.freeze()  # what will never go away need not be looked at again
        posix.write(CONTROL, ENRICHED)


class Program:
    def __init__(self, message):
        self.flags = message.number(1)
        self.limits = [message.number(8) for _ in range(3)] if self.flags & LIMITED else None
        self.arguments = [message.field().decode() for _ in range(message.number())]
        self.files = [(message.field().decode(), message.field()) for _ in range(message.number())]
        self.source = message.field()
        self.rest = message

    def write_files(self):
        for name, content in self.files:
            write_file(name, content)
        write_file("main.py", self.source)

    def forget_shadowed(self, early):
        """A program's own file goes before a module that was imported without being asked for."""
        for name, _ in self.files:
            module = name.partition("/")[0].removesuffix(".py")
            if module not in early:
                sys.modules.pop(module, None)


def load_harness():
    from marshal import loads

    descriptor = posix.open(HARNESS, posix.O_RDONLY)
    content = posix.read(descriptor, 1 << 20)
    posix.close(descriptor)
    namespace = {"__name__": "harness", "own": globals()}
    exec(loads(content[16:]), namespace)
    return namespace


def main():
    prepare_interpreter()
    early, request = wait_for_program()
    if not request:
        posix._exit(0)
    program = Program(Message(CONTROL))
    program.write_files()
    program.forget_shadowed(early)
    sys.argv = ["main.py", *program.arguments]
    sys.path.insert(0, HOME)
    if random := sys.modules.get("random"):
        random.seed()  # imported before the program came: its state is the jail's, not the run's
    if program.flags:
        load_harness()["run"](program)
    else:
        posix.write(CONTROL, STARTED)
        posix.close(CONTROL)
        code, _ = guarded(execute, program.source, prepare_module("__main__"))
        leave(code, finish())


main()
