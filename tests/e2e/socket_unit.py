"""As a socket unit of systemd's: listens, prints the port, and keeps the socket. For each line on standard input the program
that the arguments name is started with LISTEN_FDS; its process id is printed. Its output is ours."""
import os
import socket
import sys

listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
        print('started', os.getpid(), flush=True)  # by the child, so that it stands before all that the program prints
        os.execv(sys.argv[1], sys.argv[1:])
    os.waitpid(child, 0)
    print('ended', flush=True)
