# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(101, 16, 1, 0, 0)
print("ESCAPED: ptrace gave", result)
