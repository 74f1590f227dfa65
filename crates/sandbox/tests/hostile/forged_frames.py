# expect: {"status": ["runtime_error"], "exit_code": 3, "within_ms": 2000}
import os
import struct
import sys

# What init and the harness say to the service, on every descriptor there may be.
for letter in b"HRSWGLVDEK":
    for content in (bytes([letter]), bytes([letter]) + struct.pack("<iqq", 0, 0, 0), bytes([letter]) + b"\x08\0\0\0" + bytes(8)):
        for fd in range(64):
            if fd not in (1, 2):
                try:
                    os.write(fd, content)
                except OSError:
                    pass
sys.exit(3)
