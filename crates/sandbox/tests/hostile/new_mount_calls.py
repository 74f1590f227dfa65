# expect: {"status": ["violation"], "signal": 31, "stdout_not": "ESCAPED"}
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
OPEN_TREE, FSOPEN = 428, 430
libc.syscall(OPEN_TREE, -100, b"/", 1)
print("ESCAPED: open_tree returned")
libc.syscall(FSOPEN, b"tmpfs", 0)
