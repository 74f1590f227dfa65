# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

# Whatever reaches into another process, or changes how processes are scheduled.
libc = ctypes.CDLL(None, use_errno=True)
space = ctypes.create_string_buffer(4096)
won = []
for name, number, arguments in (
    ("pidfd_open", 434, (1, 0)),
    ("pidfd_open itself", 434, (2, 0)),
    ("pidfd_send_signal", 424, (0, 9, None, 0)),
    ("pidfd_getfd", 438, (0, 0, 0)),
    ("kcmp", 312, (1, 2, 0, 0, 0)),
    ("process_madvise", 440, (0, space, 1, 4, 0)),
    ("process_mrelease", 448, (0, 0)),
    ("sched_setattr", 314, (0, space, 0)),
    ("ioprio_set", 251, (1, 0, 0)),
    ("prlimit64 of the first", 302, (1, 7, None, space)),
    ("get_robust_list", 274, (1, space, space)),
):
    if libc.syscall(number, *arguments) >= 0:
        won.append(name)
print("ESCAPED:" if won else "CONTAINED: all refused", won)
