# expect: {"status": ["completed", "memory_exceeded", "runtime_error"], "stdout_not": "ESCAPED", "within_ms": 4000}
held = 0
kept = []
for number in range(64):
    try:
        with open(f"/tmp/{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
        held += 1
    except OSError:
        break
try:
    for _ in range(64):
        kept.append(b"y" * (1 << 20))
        held += 1
except MemoryError:
    pass
print("ESCAPED: held" if held > 66 else "contained after", held, "MiB")
