# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(313, 0, b"", 0)
print("ESCAPED: finit_module gave", result)
