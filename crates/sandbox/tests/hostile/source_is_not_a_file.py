# expect: {"status": ["runtime_error"], "exit_code": 1, "within_ms": 3000, "stdout_not": "ESCAPED"}
import os

# The traceback shows the source line by the file's name: it leads elsewhere now.
os.unlink("/tmp/main.py")
os.symlink("/dev/urandom", "/tmp/main.py")
raise ValueError("where does this line come from?")
