# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
won = []
if libc.syscall(319, b"m", 0) >= 0:
    won.append("memfd_create")
if libc.shmget(0, 64 << 20, 0o1666) >= 0:
    won.append("shmget")
if libc.syscall(447, 0) >= 0:
    won.append("memfd_secret")
if libc.mlockall(3) == 0:
    won.append("mlockall")
if libc.shm_open(b"/x", os.O_CREAT | os.O_RDWR, 0o600) >= 0:
    won.append("shm_open")
print("ESCAPED:" if won else "CONTAINED: no memory outside the limits", won)
