# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import ctypes
import socket
import struct

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_SECCOMP = 22
allow_all = ctypes.create_string_buffer(struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 1, ctypes.addressof(allow_all)))
libc.prctl(PR_SET_SECCOMP, 0, 0, 0, 0)
libc.prctl(PR_SET_SECCOMP, 2, program, 0, 0)
libc.prctl(38, 0, 0, 0, 0)  # give no_new_privs back
try:
    socket.socket()
    print("ESCAPED: a filter of my own allowed a socket")
except OSError:
    print("CONTAINED: filters only add up")
