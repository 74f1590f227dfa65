# expect: {"status": ["signaled"], "signal": 24, "within_ms": 2000, "note": "the signal of the processor limit, sent by itself, is no time-out"}
import os
import signal

os.kill(os.getpid(), signal.SIGXCPU)
