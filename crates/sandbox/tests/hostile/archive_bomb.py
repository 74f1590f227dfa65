# expect: {"status": ["memory_exceeded", "runtime_error"], "stdout_not": "ESCAPED", "within_ms": 6000}
import io
import zipfile

archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
    with writer.open("zeros", "w") as member:
        for _ in range(200):
            member.write(bytes(1 << 20))
with zipfile.ZipFile(archive) as reader:
    print("ESCAPED:", len(reader.read("zeros")))
