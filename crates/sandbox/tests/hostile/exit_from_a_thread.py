# expect: {"status": ["runtime_error"], "exit_code": 7, "within_ms": 2000}
import atexit
import os
import threading

atexit.register(print, "not reached")
threading.Timer(0.05, os._exit, (7,)).start()
while True:
    pass
