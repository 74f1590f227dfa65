# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import os

won = []
file = os.open("/tmp/giant", os.O_RDWR | os.O_CREAT)
for act in (
    lambda: os.ftruncate(file, 1 << 40),
    lambda: os.posix_fallocate(file, 0, 64 << 20),
    lambda: os.pwrite(file, b"x", 1 << 40),
    lambda: os.truncate("/tmp/giant", 17 << 20),
):
    try:
        act()
        won.append(os.fstat(file).st_size)
    except OSError:
        pass
print("ESCAPED:" if won else "CONTAINED: the file stays small", won)
