# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

# The clock and the names belong to the machine or the jail; timers of the kernel are not counted.
libc = ctypes.CDLL(None, use_errno=True)
space = ctypes.create_string_buffer(4096)
won = []
for name, number, arguments in (
    ("settimeofday", 164, (space, None)),
    ("clock_settime", 227, (0, space)),
    ("adjtimex", 159, (space,)),
    ("clock_adjtime", 305, (0, space)),
    ("sethostname", 170, (b"x", 1)),
    ("setdomainname", 171, (b"x", 1)),
    ("timer_create", 222, (0, None, space)),
    ("vhangup", 153, ()),
):
    if libc.syscall(number, *arguments) >= 0:
        won.append(name)
print("ESCAPED:" if won else "CONTAINED: all refused", won)
