# expect: {"status": ["completed", "memory_exceeded"], "stdout_not": "ESCAPED", "within_ms": 4500}
import os
import time

read, write = os.pipe()
os.set_blocking(read, False)
children = []
most = 60
try:
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            hoard = bytearray(b"z") * (35 << 20)
            os.write(write, b"x")
            time.sleep(30)
            os._exit(0)
        children.append(pid)
except OSError as error:
    # Without cgroups: two children, each with a limit of its own.
    most = 70
    print("no more processes:", error)
time.sleep(1.5)
alive = 0
for pid in children:
    try:
        alive += os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        pass
try:
    full = len(os.read(read, 100))
except BlockingIOError:
    full = 0
print("ESCAPED: children hold more than the jail may" if min(alive, full) * 35 > most else "contained", alive, full)
