# expect: {"status": ["runtime_error"], "exit_code": 5, "within_ms": 2000}
import os

os.closerange(0, 4096)
os._exit(5)
