# expect: {"status": ["completed", "violation"], "within_ms": 4000, "stdout_not": "ESCAPED"}
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
FORK, CLONE, EXECVEAT = 57, 56, 322
made = 0
for _ in range(200):
    for number, flags in ((FORK, 0), (CLONE, 17)):
        pid = libc.syscall(number, flags, 0, 0, 0, 0)
        if pid == 0:
            libc.pause()
            os._exit(0)
        made += pid > 0
if libc.syscall(EXECVEAT, -100, b"/usr/bin/python3", None, None, 0) == 0:
    print("ESCAPED: execveat")
print("ESCAPED: made" if made > 31 else "contained at", made)
