# expect: {"status": ["memory_exceeded", "runtime_error"], "stdout_not": "ESCAPED", "within_ms": 6000}
import unicodedata

# Eighteen characters for one, again and again.
text = "\ufdfa" * 200_000
while len(text) < 1 << 28:
    text = unicodedata.normalize("NFKC", text) + "\ufdfa" * len(text)
print("ESCAPED:", len(text))
