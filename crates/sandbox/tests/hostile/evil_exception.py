# expect: {"status": ["runtime_error"], "exit_code": 1, "within_ms": 3000, "stdout_not": "ESCAPED"}
import sys

# What is raised, how it shows itself and where it is shown all misbehave.


class Evil(Exception):
    def __str__(self):
        raise self

    __repr__ = __str__
    __traceback__ = property(lambda self: 1 / 0)
    __cause__ = property(lambda self: self)


sys.tracebacklimit = -5
sys.stderr.write = None if False else sys.stderr.write
sys.excepthook = sys.__excepthook__
raise Evil from Evil()
