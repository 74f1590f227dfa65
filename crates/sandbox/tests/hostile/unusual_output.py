# expect: {"status": ["completed"], "stdout_has": "end", "stdout_not": "ESCAPED"}
import os
import sys

os.write(1, b"\x00\xc3\x28\xf0\x28\x8c\x28\xed\xa0\x80\x1b]0;title\x07\r\n")
sys.stdout.reconfigure(errors="surrogateescape")
print("\udcff\udcfe end")
