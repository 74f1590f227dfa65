"""Runs one student's program in a jail: receives it, limits itself, executes it.

Everything here happens in the process that will run the student's code, so nothing here is
trusted afterwards: the limits are hard limits of the kernel, and the verdict is made outside.
The descriptor given as first argument is a socket to the service; it is closed before the
program starts. Messages are described in `program.rs`.
"""

import _sitebuiltins
import _thread
import atexit
import builtins
import os
import resource
import sys

HOME = "/tmp"
READY = b"R"
STARTED = b"S"
THREAD_STACK = 512 * 1024
FLUSH_FAILED = 120  # what CPython itself answers when the last flush fails


class Message:
    """Reads the fields of one length-prefixed message."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._rest = b""
        self._rest = self._receive(self._number_of(self._receive(4)))

    def number(self, size=4):
        field, self._rest = self._rest[:size], self._rest[size:]
        return self._number_of(field)

    def field(self):
        size = self.number()
        field, self._rest = self._rest[:size], self._rest[size:]
        return field

    @staticmethod
    def _number_of(field):
        return int.from_bytes(field, "little")

    def _receive(self, size):
        parts = []
        while size:
            part = os.read(self._descriptor, min(size, 1 << 16))
            if not part:
                os._exit(0)  # the service went away: there is nobody to run for
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def write_file(name, content):
    path = os.path.join(HOME, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def limit(cpu_seconds, data, data_reserve, address_space):
    """Sets the kernel's limits. The reserve leaves room to print a MemoryError."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (data - data_reserve, data))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def use_memory_reserve():
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


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
        use_memory_reserve()
    own_frame = error.__traceback__
    error.__traceback__ = own_frame.tb_next if own_frame else None
    sys.excepthook(type(error), error, error.__traceback__)


def execute(source, namespace):
    try:
        exec(compile(source, "main.py", "exec", dont_inherit=True), namespace)
    except SystemExit as leaving:
        return exit_code_of(leaving)
    except BaseException as error:
        try:
            show(error)
        except BaseException:
            pass  # the program broke its own reporting
        return 1
    return 0


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


def prepare_builtins():
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    sys.stdout.reconfigure(line_buffering=True)  # so that a time-out loses no whole line
    _thread.stack_size(THREAD_STACK)


def main():
    control = int(sys.argv[1])
    prepare_builtins()
    os.write(control, READY)

    message = Message(control)
    limits = [message.number(8) for _ in range(4)]
    arguments = [message.field().decode() for _ in range(message.number())]
    for _ in range(message.number()):
        write_file(message.field().decode(), message.field())
    source = message.field()
    write_file("main.py", source)

    program = type(sys)("__main__")
    program.__file__ = "main.py"
    program.__builtins__ = builtins
    sys.modules["__main__"] = program
    sys.argv = ["main.py", *arguments]
    sys.path.insert(0, HOME)
    if random := sys.modules.get("random"):
        random.seed()  # imported before the program came: its state is the jail's, not the run's

    limit(*limits)
    os.write(control, STARTED)
    os.close(control)
    code = execute(source, program.__dict__)
    if finish() and code == 0:
        code = FLUSH_FAILED
    os._exit(code)


main()
