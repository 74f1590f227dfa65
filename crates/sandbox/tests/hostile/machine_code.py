# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED", "within_ms": 3000}
import ctypes
import mmap

# System calls without the C library: socket, then ptrace's harmless neighbour getpid to see that it runs.
def call(number, a, b, c):
    code = b"\x48\xc7\xc0" + number.to_bytes(4, "little") + b"\x48\xc7\xc7" + a.to_bytes(4, "little")
    code += b"\x48\xc7\xc6" + b.to_bytes(4, "little") + b"\x48\xc7\xc2" + c.to_bytes(4, "little") + b"\x0f\x05\xc3"
    memory = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_long)(address)()


own, network = call(39, 0, 0, 0), call(41, 2, 1, 0)
print("ESCAPED:" if network >= 0 or own < 1 else "CONTAINED: the filter is in the kernel", own, network)
