# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import os

os.symlink("/", "/tmp/root")
won = []
for path in ("etc/passwd", "../etc/shadow", "../../root/.bashrc", "proc/1/root/etc/passwd", "home", "var/log"):
    if os.path.exists("/tmp/root/" + path):
        won.append(path)
for source in ("/lf/init", "/lf/bootstrap.py", "/usr/bin/python3"):
    try:
        os.link(source, "/tmp/" + os.path.basename(source))
        won.append("link to " + source)
    except OSError:
        pass
try:
    os.chdir("/tmp")
    for _ in range(20):
        os.chdir("..")
    if set(os.listdir(".")) - {"tmp", "usr", "lib", "lib64", "dev", "etc", "lf"}:
        won.append(os.listdir("."))
except OSError:
    pass
print("ESCAPED:" if won else "CONTAINED: links lead nowhere", won)
