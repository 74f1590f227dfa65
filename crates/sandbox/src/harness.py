"""What only some runs need: narrower limits, open input, executed lines, test cases.

Executed by `bootstrap.py`, whose names are in `own`, before the program begins. `values.py` is put
in front of it.
"""

import posix
import sys
from types import SimpleNamespace

own = SimpleNamespace(**own)  # noqa: F821

CONTROL = own.CONTROL
WAITS, GOES = b"W", b"G"
LINES, RESULT, DONE = b"L", b"V", b"D"
STOP = b"K"
MAX_RESULT = 512 * 1024


def send_frame(descriptor, letter, content):
    own.write_all(descriptor, letter + len(content).to_bytes(4, "little") + content)


# --- limits


def limit(cpu_seconds, data, address_space):
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def refuse_forks():
    """As the filter of `init/filter.rs`, but nobody is asked: threads can be started, processes cannot."""
    import ctypes
    import struct

    load_number, load_flags = (0x20, 0, 0, 0), (0x20, 0, 0, 16)
    allow, refuse, missing = (6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x50001), (6, 0, 0, 0x50026)
    steps = (
        load_number,
        (0x15, 5, 0, 57),  # fork
        (0x15, 4, 0, 58),  # vfork
        (0x15, 4, 0, 435),  # clone3
        (0x15, 0, 4, 56),  # clone
        load_flags,
        (0x45, 2, 0, 0x10000),  # CLONE_THREAD
        refuse,
        missing,
        allow,
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
    if ctypes.CDLL(None).prctl(22, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0):
        posix._exit(1)  # before it has said that it started: the service tries another jail


# --- open input


def open_input():
    """Replaces standard input by one that says when the program waits for it."""
    import io
    import select

    class OpenInput(io.RawIOBase):
        name = "<stdin>"
        mode = "rb"

        def fileno(self):
            return 0

        def readable(self):
            return True

        def readinto(self, buffer):
            if select.select([0], [], [], 0)[0]:
                return posix.readv(0, [buffer])
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError, AttributeError):
                    pass
            posix.write(CONTROL, WAITS)
            try:
                return posix.readv(0, [buffer])
            finally:
                posix.write(CONTROL, GOES)

    buffered = io.BufferedReader(OpenInput())
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(buffered, encoding="utf-8", errors="surrogateescape")


# --- executed lines


class Coverage:
    """Notes the executed lines of main.py, one bit each."""

    def __init__(self, source):
        self.bits = bytearray(source.count(b"\n") // 8 + 2)

    def start(self):
        import threading

        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def stop(self):
        sys.settrace(None)

    def _enter(self, frame, event, argument):
        return self._note if frame.f_code.co_filename == "main.py" else None

    def _note(self, frame, event, argument):
        line = frame.f_lineno
        if event == "line" and line >> 3 < len(self.bits):
            self.bits[line >> 3] |= 1 << (line & 7)
        return self._note


# --- test cases


class Case:
    """One case of a message: a call with its arguments, or standard input."""

    def __init__(self, message):
        self.kind = message.take(1)
        if self.kind == b"C":
            self.function = message.field().decode()
            self.arguments = [message.field().decode() for _ in range(message.number())]
        elif self.kind == b"P":
            self.stdin = message.field()

    def do(self, program):
        """Runs the program as the case wants it. The value of a call comes back as text."""
        if self.kind == b"P":
            own.execute(program.source, own.prepare_module("__main__"))
            return ""
        evaluate, encoder = eval, Encoder()
        names = {"__builtins__": {}, "inf": float("inf"), "nan": float("nan")}
        names |= {kind.__name__: kind for kind in (set, frozenset, bytearray, range, complex)}
        namespace = own.prepare_module("main")
        own.execute(program.source, namespace)
        function = namespace.get(self.function)
        if function is None:
            raise NameError(f"the program defines no {self.function!r}")
        arguments = [evaluate(argument, dict(names)) for argument in self.arguments]
        value = function(*arguments)
        sys.setrecursionlimit(2000)
        return encoder.encode(value)


def do_case(case, program, coverage, descriptor, letter):
    """Runs a case in this process, gives back what came of it, and ends."""

    def act():
        if coverage:
            coverage.start()
        return case.do(program)

    code, value = own.guarded(act)
    if coverage:
        coverage.stop()
    if code == 0 and value is None:
        value = ""
    failed = own.finish()
    bits = bytes(coverage.bits) if coverage else b""
    result = bytes([coverage is not None]) + len(bits).to_bytes(4, "little") + bits + (value or "").encode()
    if letter:
        send_frame(descriptor, letter, result)
    else:
        own.write_all(descriptor, result)
    own.leave(code, failed)


class Harness:
    """Runs one case after the other, each in a child. No code of the student runs in this process."""

    def __init__(self, program, coverage):
        import _signal
        import select

        # Ends every process it can reach between cases: only in a jail of its own.
        if posix.getpid() != 2 or posix.getppid() != 1:
            posix._exit(1)
        self.program = program
        self.coverage = coverage
        self.signal = _signal
        self.poll = select.poll
        self.readable, self.writable = select.POLLIN, select.POLLOUT
        self.bell, self.alarm = posix.pipe()
        posix.set_blocking(self.bell, False)
        posix.set_blocking(self.alarm, False)

    def run(self):
        self.listen()
        while True:
            message = own.Message(CONTROL)
            case = Case(message)
            if case.kind in (b"C", b"P"):  # a request to stop may come when its case has just ended
                self.do(case)

    def listen(self):
        self.signal.set_wakeup_fd(self.alarm, warn_on_full_buffer=False)
        self.signal.signal(self.signal.SIGCHLD, lambda *_: None)

    def do(self, case):
        results, give = posix.pipe()
        stdin, feed = posix.pipe()
        child = posix.fork()
        if child == 0:
            self.become(case, give, stdin, (results, feed, self.bell, self.alarm, CONTROL))
        posix.close(give)
        posix.close(stdin)
        rest = case.stdin if case.kind == b"P" else b""
        del case
        status, usage, result = self.watch(child, results, feed, rest)
        record = status.to_bytes(4, "little", signed=True)
        record += int((usage.ru_utime + usage.ru_stime) * 1e6).to_bytes(8, "little")
        record += usage.ru_maxrss.to_bytes(8, "little")
        self.clear_up()
        send_frame(CONTROL, DONE, record + result)
        self.program.write_files()

    def become(self, case, give, stdin, others):
        """The child's half."""
        self.signal.set_wakeup_fd(-1)
        self.signal.signal(self.signal.SIGCHLD, self.signal.SIG_DFL)
        posix.dup2(stdin, 0)
        for descriptor in (stdin, *others):
            posix.close(descriptor)
        if random := sys.modules.get("random"):
            random.seed()
        do_case(case, self.program, self.coverage, give, None)

    def watch(self, child, results, feed, rest):
        """Feeds a child and collects its result until it has ended, then ends what it has left behind."""
        posix.set_blocking(results, False)
        posix.set_blocking(feed, False)
        poll = self.poll()
        for descriptor in (CONTROL, self.bell, results):
            poll.register(descriptor, self.readable)
        poll.register(feed, self.writable)
        result = b""
        fed = False
        ended = 0
        while not ended:
            if not rest and not fed:
                poll.unregister(feed)
                posix.close(feed)
                fed = True
            for descriptor, _ in poll.poll():
                if descriptor == CONTROL:
                    own.Message(CONTROL)  # nothing but a request to stop can come now
                    self.kill_others()
                elif descriptor == self.bell:
                    posix.read(self.bell, 4096)
                elif descriptor == results:
                    part = self.read(results)
                    result += part
                    if not part or len(result) > MAX_RESULT:
                        poll.unregister(results)
                elif descriptor == feed:
                    try:
                        rest = rest[posix.write(feed, rest[:65536]) :]
                    except BlockingIOError:
                        pass
                    except OSError:
                        rest = b""
            ended, status, usage = posix.wait4(child, posix.WNOHANG)
        self.end_others()
        while len(result) <= MAX_RESULT and (part := self.read(results)):
            result += part
        posix.close(results)
        if not fed:
            posix.close(feed)
        return status, usage, result[:MAX_RESULT]

    @staticmethod
    def read(descriptor):
        try:
            return posix.read(descriptor, 65536)
        except BlockingIOError:
            return b""

    def kill_others(self):
        """Ends every process of the jail but this and the first; false if there is none."""
        try:
            posix.kill(-1, self.signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def end_others(self):
        """The same, and waits until they are gone. The first process collects them."""
        from time import sleep

        while self.kill_others():
            sleep(0.0002)

    def clear_up(self):
        """Empties /tmp. Nobody else is there any more who could change it meanwhile."""
        folders = [own.HOME]
        while folders:
            folder = folders.pop()
            for name in posix.listdir(folder):
                path = f"{folder}/{name}"
                try:
                    posix.unlink(path)
                except (IsADirectoryError, PermissionError):
                    posix.chmod(path, 0o700)
                    folders.append(self.move_to_top(path))
            if folder != own.HOME:
                posix.rmdir(folder)


    @staticmethod
    def move_to_top(folder):
        """Gives a folder a short path: nested ones could have one too long to be used."""
        number = 0
        while True:
            number += 1
            place = f"{own.HOME}/.{number}"
            try:
                posix.mkdir(place)
            except FileExistsError:
                continue
            posix.rename(folder, place)
            return place


def run(program):
    flags = program.flags
    if program.limits:
        limit(*program.limits)
    coverage = Coverage(program.source) if flags & own.COVERAGE else None
    if flags & own.CASES:
        harness = Harness(program, coverage)
        posix.write(CONTROL, own.STARTED)
        harness.run()
    if flags & own.CASE:
        case = Case(program.rest)
        posix.write(CONTROL, own.STARTED)
        do_case(case, program, coverage, CONTROL, RESULT)
    if flags & own.OPEN_INPUT:
        open_input()
        refuse_forks()
    posix.write(CONTROL, own.STARTED)
    if flags & own.LIMITED == flags:
        posix.close(CONTROL)

    def act():
        if coverage:
            coverage.start()
        own.execute(program.source, own.prepare_module("__main__"))

    code, _ = own.guarded(act)
    if coverage:
        coverage.stop()
    failed = own.finish()
    if coverage:
        send_frame(CONTROL, LINES, bytes(coverage.bits))
    own.leave(code, failed)
