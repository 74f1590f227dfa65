# expect: {"status": ["runtime_error"], "exit_code": 5, "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438
won = []
for path in ("/proc/1/fd", "/proc/self/fd", "/dev/fd"):
    if os.path.exists(path):
        won.append(path)
for pid in (1, os.getpid()):
    if libc.syscall(PIDFD_OPEN, pid, 0) >= 0:
        won.append(f"pidfd of {pid}")
for descriptor in range(64):
    if libc.syscall(PIDFD_GETFD, descriptor, 4, 0) >= 0:
        won.append(f"descriptor of {descriptor}")
record = (0x4C460001).to_bytes(4, "little") + bytes(20)
for descriptor in range(3, 64):
    try:
        os.write(descriptor, record)
        won.append(f"wrote to {descriptor}")
    except OSError:
        pass
print("ESCAPED:" if won else "CONTAINED: nothing to forge a report with", won, flush=True)
sys.exit(5)
