# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import fcntl

# A lock on a file that all jails see would be a message from one run to another.
won = []
for path in ("/usr/bin/python3", "/lf/bootstrap.pyc", "/dev/null", "/etc/ld.so.cache"):
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            won.append(path)
    except OSError:
        pass
print("ESCAPED:" if won else "CONTAINED: no locks on shared files", won)
