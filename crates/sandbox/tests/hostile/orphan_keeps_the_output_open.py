# expect: {"status": ["completed"], "stdout_has": "first is done", "stdout_not": "ESCAPED", "within_ms": 2500}
import os
import time

# An orphan in a session of its own, whose copy of the output would keep a reader waiting.
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    time.sleep(3)
    os.write(1, b"ESCAPED: the orphan outlived the program\n")
    os._exit(0)
os.wait()
try:
    # With cgroups there is room for more; without, two children are all there may be.
    if os.fork() == 0:
        os._exit(0)
except BlockingIOError as error:
    print("no third:", error.strerror)
print("first is done")
