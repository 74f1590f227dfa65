# expect: {"status": ["completed"], "stdout_has": "CONTAINED"}
import os
import signal
import time

for number in signal.valid_signals():
    try:
        os.kill(1, number)
    except OSError:
        pass
try:
    os.kill(-1, signal.SIGKILL)  # spares its sender
except OSError:
    pass
time.sleep(0.05)
print("CONTAINED: the first process still answers for me")
