# expect: {"status": ["violation"], "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

result = ctypes.CDLL(None).syscall(304, -100, ctypes.create_string_buffer(128), 0)
print("ESCAPED: open_by_handle_at gave", result)
