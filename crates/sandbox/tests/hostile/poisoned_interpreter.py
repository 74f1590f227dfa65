# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "repeat": 4}
import builtins
import gc
import os
import random
import sys

# Everything an interpreter that is used again would keep.
marks = [hasattr(builtins, "mark"), hasattr(random, "mark"), "mark" in sys.modules, "mark" in os.environ]
marks += [os.path.exists("/tmp/mark"), bool(gc.callbacks), sys.getrecursionlimit() == 777, os.umask(0o22) == 0o77]
marks += [os.getpgrp() == os.getpid() and False, sys.getswitchinterval() == 0.5, sys.dont_write_bytecode is False]
print("ESCAPED:" if any(marks) else "CONTAINED: clean", marks)
builtins.mark = random.mark = sys.modules["mark"] = True
os.environ["mark"] = "x"
open("/tmp/mark", "w").close()
for name in ("sitecustomize.py", "usercustomize.py", "os.py", "random.py", "encodings.py", "main.pth"):
    with open(f"/tmp/{name}", "w") as file:
        file.write("import builtins; builtins.mark = True")
gc.callbacks.append(lambda *_: None)
sys.setrecursionlimit(777)
sys.setswitchinterval(0.5)
sys.dont_write_bytecode = False
os.umask(0o77)
builtins.compile = builtins.exec = None
