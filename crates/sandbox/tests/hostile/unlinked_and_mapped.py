# expect: {"status": ["completed", "memory_exceeded", "signaled", "runtime_error"], "within_ms": 5000, "stdout_not": "ESCAPED"}
import mmap
import os

# Files that have no name any more still take room.
held = 0
keep = []
try:
    for number in range(40):
        with open(f"/tmp/{number}", "w+b") as file:
            file.truncate(4 << 20)
            memory = mmap.mmap(file.fileno(), 4 << 20)
        os.unlink(f"/tmp/{number}")
        memory[:] = b"x" * (4 << 20)
        keep.append(memory)
        held += 4
    print("ESCAPED:", held)
except (OSError, MemoryError, ValueError) as error:
    print("CONTAINED:", held, type(error).__name__)
