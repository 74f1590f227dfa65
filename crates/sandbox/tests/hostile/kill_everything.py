# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "within_ms": 3000}
import os
import signal

# All but itself and the first process, which is not to be impressed by any signal.
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
    for target in (-1, 1):
        try:
            os.kill(target, number)
        except OSError:
            pass
print("CONTAINED: still here")
