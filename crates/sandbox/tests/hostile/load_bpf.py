# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(321, 0, ctypes.create_string_buffer(128), 128)
print("ESCAPED: bpf gave", result)
