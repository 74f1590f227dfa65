# expect: {"status": ["completed"], "stdout_has": "CONTAINED", "stdout_not": "ESCAPED"}
import socket

won = []
left, right = socket.socketpair()
left.sendall(b"hello")
if right.recv(5) != b"hello":
    won.append("pairs are broken")
for what, call in (
    ("bind", lambda: left.bind("/tmp/s")),
    ("bind abstract", lambda: left.bind("\0learnflow")),
    ("connect", lambda: left.connect("\0/tmp/.X11-unix/X0")),
    ("listen", lambda: left.listen()),
    ("datagram", lambda: socket.socketpair(socket.AF_INET)),
    ("interfaces", socket.if_nameindex),
    ("address", lambda: socket.getaddrinfo("example.org", 80)),
):
    try:
        call()
        won.append(what)
    except OSError:
        pass
print("ESCAPED:" if won else "CONTAINED: pairs only", won)
