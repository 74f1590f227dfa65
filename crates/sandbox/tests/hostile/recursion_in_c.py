# expect: {"status": ["runtime_error", "signaled", "memory_exceeded", "output_exceeded"], "within_ms": 6000, "stdout_not": "ESCAPED"}
import ast
import re
import sys

# Nesting that a parser, a compiler and a matcher each meet on the C stack.
sys.setrecursionlimit(1 << 30)
for act in (lambda: re.compile("(" * 50_000 + ")" * 50_000), lambda: eval("-" * 200_000 + "1"), lambda: ast.literal_eval("[" * 90 + "]" * 90)):
    try:
        act()
    except (RecursionError, SyntaxError, MemoryError, re.error):
        pass
items = ()
for _ in range(3_000_000):
    items = (items,)
hash(items)
print("ESCAPED")
