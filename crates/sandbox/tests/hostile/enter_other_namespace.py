# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(308, 0, 0)
print("ESCAPED: setns gave", result)
