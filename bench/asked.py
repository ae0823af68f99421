"""The ratios that are asked for: (what, whose, to whose) -> the most that it may be."""

ASKED = {
    ("fan-out to 500 clients, 1 at a time", "hotline", "floor"): 1.10,
    ("fan-out to 500 clients, 16 at a time", "hotline", "floor"): 1.15,
    ("fan-out to 500 clients, 64 at a time", "hotline", "floor"): 1.20,
    ("fan-out to 500 clients, 16 at a time", "hotline", "websocketpp"): 1 / 5,
    ("fan-out to 500 clients, 16 at a time", "hotline", "fastapi"): 1 / 20,
    ("ping", "hotline", "floor"): 1.5,
    ("a command with payload and result", "hotline", "floor"): 1.5,
    ("connecting, 10,000 clients", "hotline", "floor"): 1.5,

    ("fan-out to 500 clients, 1 at a time", "hotline+epoll", "floor"): 1.05,
    ("fan-out to 500 clients, 16 at a time", "hotline+epoll", "floor"): 1.05,
    ("fan-out to 500 clients, 64 at a time", "hotline+epoll", "floor"): 1.10,
    ("fan-out to 500 clients, 16 at a time", "hotline+epoll", "uWebSockets"): 1.0,
    ("fan-out to 500 clients, 64 at a time", "hotline+epoll", "uWebSockets"): 1.0,
    ("ping", "hotline+epoll", "floor"): 1.15,
    ("ping", "hotline+epoll", "uWebSockets"): 1.10,
    ("a command with payload and result", "hotline+epoll", "floor"): 1.25,
    ("connecting, 10,000 clients", "hotline+epoll", "floor"): 1.4,
}
