# expect: {"status": ["completed", "memory_exceeded", "runtime_error"], "stdout_not": "ESCAPED", "within_ms": 4000}
import threading
import time

# Address space instead of memory: every stack as large as it goes.
threads = 0
try:
    threading.stack_size(1 << 30)
    for _ in range(200):
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        threads += 1
except (RuntimeError, ValueError, MemoryError):
    pass
print("ESCAPED:" if threads > 40 else "CONTAINED:", threads)
