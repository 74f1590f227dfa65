# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import os
import pty
import shutil
import subprocess

won = [name for name in ("sh", "bash", "busybox", "perl", "apt", "dpkg", "pip", "pip3", "ld.so", "gdb", "mount") if shutil.which(name)]
for path in ("/bin/sh", "/usr/bin/env", "/bin/busybox", "/usr/bin/perl"):
    for spawn in (
        lambda: os.posix_spawn(path, [path, "-c", "echo ESCAPED"], {}),
        lambda: os.execv(path, [path, "-c", "echo ESCAPED"]),
        lambda: subprocess.run([path, "-c", "echo ESCAPED"], check=True),
        lambda: pty.fork(),
    ):
        try:
            spawn()
            won.append(path)
        except (OSError, subprocess.SubprocessError):
            pass
print("ESCAPED:" if won else "CONTAINED: no shell and no tool", won)
