# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import resource

unlimited = resource.RLIM_INFINITY
won = []
for name in ("CPU", "DATA", "NPROC", "FSIZE", "NOFILE", "CORE", "STACK"):
    kind = getattr(resource, "RLIMIT_" + name)
    hard = resource.getrlimit(kind)[1]
    if hard == unlimited:
        won.append(name + " is open")
    try:
        resource.setrlimit(kind, (unlimited, unlimited))
        won.append(name)
    except (OSError, ValueError):
        pass
print("ESCAPED:" if won else "CONTAINED: hard limits hold", won)
