# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import ctypes

libc = ctypes.CDLL(None)
libc.calloc.restype = ctypes.c_void_p
got = 0
while got < 512 and libc.calloc(1, ctypes.c_size_t(1 << 20)):
    got += 1
print("ESCAPED:" if got > 50 else "CONTAINED: refused after", got, "MiB")
