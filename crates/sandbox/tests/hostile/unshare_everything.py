# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(272, 0x7E020000)
print("ESCAPED: unshare gave", result)
