# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes

# Options of prctl by which a process gets hold of others, of privileges, or out of the filter.
libc = ctypes.CDLL(None, use_errno=True)
won = []
for name, option, argument in (
    ("PR_SET_CHILD_SUBREAPER", 36, 1),
    ("PR_SET_PTRACER", 0x59616D61, -1),
    ("PR_SET_KEEPCAPS", 8, 1),
    ("PR_SET_SECUREBITS", 28, 0),
    ("PR_CAPBSET_DROP", 24, 0),
    ("PR_CAP_AMBIENT", 47, 2),
    ("PR_SET_MM", 35, 1),
    ("PR_SET_TIMERSLACK", 29, 1),
    ("PR_SET_SYSCALL_USER_DISPATCH", 59, 1),
    ("PR_TASK_PERF_EVENTS_DISABLE", 31, 0),
):
    if libc.prctl(option, argument, 0, 0, 0) >= 0:
        won.append(name)
if libc.prctl(39, 0, 0, 0, 0) != 1:
    won.append("no_new_privs is off")
print("ESCAPED:" if won else "CONTAINED: all refused", won)
