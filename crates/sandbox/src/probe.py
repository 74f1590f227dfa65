"""Prints what the interpreter needs of the file system, as kind and path: its executable, the
folders of its library, the folders of the shared libraries it loads, and the program loader."""

import os
import sys

for module in ("_ctypes", "_sqlite3", "_ssl", "_bz2", "_lzma", "_uuid", "zlib", "resource"):
    try:
        __import__(module)
    except ImportError:
        pass  # an interpreter may be built without it

executable = os.path.realpath(sys.executable)
library = sorted({os.path.realpath(path) for path in sys.path if os.path.isdir(path)})
shared = set()
with open("/proc/self/maps") as maps:
    for line in maps:
        path = line[73:].strip()
        if ".so" in os.path.basename(path) and not path.startswith(tuple(library)):
            shared.add(os.path.dirname(path))

print("executable", executable)
for path in library:
    if not any(path.startswith(other + "/") for other in library):
        print("folder", path)
for path in sorted(shared):
    print("folder", path)
