# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import os

won = []
for target in ("/lf/init", "/lf/bootstrap.pyc", "/usr/bin/python3", os.__file__ if os.path.isfile(os.__file__) else "/etc/ld.so.cache"):
    for make in (os.link, os.rename):
        try:
            make(target, "/tmp/x")
            won.append((make.__name__, target))
        except OSError:
            pass
    os.symlink(target, "/tmp/link")
    for act in (lambda: open("/tmp/link", "ab"), lambda: os.chmod("/tmp/link", 0o777), lambda: os.truncate("/tmp/link", 0), lambda: os.utime("/tmp/link")):
        try:
            act()
            won.append(target)
        except OSError:
            pass
    os.unlink("/tmp/link")
print("ESCAPED:" if won else "CONTAINED: nothing shared can be changed", won)
