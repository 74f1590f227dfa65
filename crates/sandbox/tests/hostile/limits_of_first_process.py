# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import os
import resource

won = []
for target in (1, os.getppid()):
    for name in ("RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_FSIZE"):
        try:
            resource.prlimit(target, getattr(resource, name), (0, 0))
            won.append((target, name))
        except OSError:
            pass
print("ESCAPED: limits of another process" if won else "CONTAINED: only its own", won)
