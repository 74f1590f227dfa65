# expect: {"status": ["violation"], "signal": 31, "stdout_not": "ESCAPED"}
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
print("ESCAPED: unshare returned")
