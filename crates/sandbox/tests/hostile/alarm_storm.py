# expect: {"status": ["completed", "signaled"], "within_ms": 4000, "stdout_not": "ESCAPED"}
import signal
import time

# Interrupting everything all the time must not confuse who waits for this process.
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.00002, 0.00002)
end = time.monotonic() + 0.5
while time.monotonic() < end:
    pass
print("CONTAINED")
