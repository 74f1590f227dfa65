# expect: {"status": ["timeout"], "within_ms": 6500, "stdout_has": "begun"}
import os
import signal

print("begun", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
print("ESCAPED")
