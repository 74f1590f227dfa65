# expect: {"status": ["timeout"], "within_ms": 6500}
import os
import signal

for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for _ in range(4):
    try:
        os.fork()
        os.setsid()
    except OSError:
        pass
while True:
    pass
