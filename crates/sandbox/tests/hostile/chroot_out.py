# expect: {"status": ["violation"], "signal": 31, "stdout_not": "ESCAPED"}
import os

os.mkdir("/tmp/below")
outside = os.open("/", os.O_RDONLY)
os.chroot("/tmp/below")
os.fchdir(outside)
print("ESCAPED: chroot is open to everyone")
