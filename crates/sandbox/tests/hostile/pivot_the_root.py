# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(155, b"/tmp", b"/tmp")
print("ESCAPED: pivot_root gave", result)
