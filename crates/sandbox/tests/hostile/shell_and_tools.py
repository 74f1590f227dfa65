# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import os
import subprocess

ran = []
for tool in ("/bin/sh", "/usr/bin/env", "/usr/bin/id", "/usr/bin/perl", "/usr/bin/gcc", "/usr/bin/mount"):
    if os.path.exists(tool):
        ran.append(tool)
    try:
        subprocess.run([tool], check=False, capture_output=True, timeout=1)
        ran.append(tool)
    except OSError:
        pass
print("ESCAPED:" if ran else "CONTAINED: no tools", ran)
