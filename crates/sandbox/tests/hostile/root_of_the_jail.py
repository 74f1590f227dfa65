# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import os
import socket
import sys

# Nothing but the interpreter, and no trace of the machine.
bad = sorted(set(os.listdir("/")) - {"dev", "etc", "lf", "lib", "lib64", "tmp", "usr"})
bad += sorted(set(os.listdir("/dev")) - {"null", "urandom"})
bad += sorted(set(os.listdir("/etc")) - {"ld.so.cache"}) + sorted(set(os.listdir("/lf")) - {"init", "bootstrap.pyc", "harness.pyc"})
bad += sorted(name for name in os.listdir("/usr/bin") if not name.startswith("python3"))
bad += [path for path in ("/proc/self", "/sys", "/dev/shm", "/dev/pts", "/dev/fd", "/run", "/var") if os.path.lexists(path)]
bad += sorted(set(os.environ) - {"PATH", "HOME", "LANG", "MALLOC_ARENA_MAX", "LC_CTYPE"})
if (socket.gethostname(), os.getuid(), os.getcwd(), sys.argv) != ("sandbox", 1000, "/tmp", ["main.py"]):
    bad.append("names")
print("ESCAPED:" if bad else "CONTAINED: empty", bad)
