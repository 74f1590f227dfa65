# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import os

won = []
for arguments, environment in ((["x" * 131071] * 200, {}), (["x"], {f"k{n}": "v" * 100000 for n in range(200)})):
    try:
        os.execve("/usr/bin/python3", arguments, environment)
        won.append("executed")
    except (OSError, MemoryError):
        pass
print("ESCAPED:" if won else "CONTAINED: too long", won)
