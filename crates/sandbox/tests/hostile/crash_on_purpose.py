# expect: {"status": ["signaled"], "signal": 11, "within_ms": 3000}
import faulthandler
import sys

faulthandler.enable(file=sys.stdout, all_threads=True)
faulthandler.dump_traceback_later(0.01, repeat=True)
faulthandler._sigsegv()
