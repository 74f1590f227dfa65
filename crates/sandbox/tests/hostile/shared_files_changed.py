# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import os
import sys

won = []
for path in ("/dev/null", "/dev/urandom", "/lf/init", "/lf/bootstrap.py", "/usr/bin/python3", os.__file__, "/"):
    for what, change in (
        ("chmod", lambda path: os.chmod(path, 0o777)),
        ("utime", os.utime),
        ("unlink", os.unlink),
        ("rename", lambda path: os.rename(path, path + "x")),
        ("truncate", lambda path: os.truncate(path, 0)),
        ("chown", lambda path: os.chown(path, 1000, 1000)),
    ):
        try:
            change(path)
            won.append((what, path))
        except OSError:
            pass
with open("/dev/null", "w") as sink:
    sink.write("this has to work")
print("ESCAPED:" if won else "CONTAINED: nothing shared can be changed", won, len(sys.path) > 0)
