# expect: {"status": ["completed"], "within_ms": 3000, "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import threading

parked = threading.Event()
started = 0
try:
    for _ in range(2000):
        threading.Thread(target=parked.wait, daemon=True).start()
        started += 1
    print("ESCAPED: 2000 threads")
except (RuntimeError, MemoryError):
    print("CONTAINED: stopped after", started)
