# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

# Moving data within the kernel, watching files, and pipes that hold more than is counted.
libc = ctypes.CDLL(None, use_errno=True)
space = ctypes.create_string_buffer(4096)
won = []
for name, number, arguments in (
    ("splice", 275, (0, None, 1, None, 10, 0)),
    ("tee", 276, (0, 1, 10, 0)),
    ("vmsplice", 278, (1, space, 1, 0)),
    ("io_setup", 206, (8, space)),
    ("F_SETPIPE_SZ", 72, (1, 1031, 1 << 20)),
    ("F_SETLEASE", 72, (0, 1024, 1)),
    ("F_NOTIFY", 72, (0, 1026, 1)),
    ("inotify_init", 253, ()),
    ("fanotify_init", 300, (0, 0)),
    ("TIOCSTI", 16, (0, 0x5412, space)),
    ("FIOASYNC", 16, (0, 0x5452, space)),
):
    if libc.syscall(number, *arguments) >= 0:
        won.append(name)
print("ESCAPED:" if won else "CONTAINED: all refused", won)
