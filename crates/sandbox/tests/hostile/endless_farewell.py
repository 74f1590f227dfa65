# expect: {"status": ["timeout"], "within_ms": 6500, "stdout_has": "begun"}
import atexit
import weakref


class Clinging:
    def __del__(self):
        Clinging.kept = Clinging()


def again():
    atexit.register(again)
    while True:
        Clinging()


keep = Clinging()
weakref.finalize(keep, print, "finalized")
atexit.register(again)
print("begun")
