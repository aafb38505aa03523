"""Runs inside the fence and outside: tries to reach something, each line of its input in another way, and says what came.

    net_client.py PROXY        PROXY: the explicit proxy's port on 127.0.0.1, or 0: straight out, as without a fence

Lines: "tcp HOST PORT", "connect HOST PORT", "socks HOST PORT", "uri HOST PORT", "udp HOST PORT", "name NAME",
"mismatch URI-HOST HOST-HEADER PORT", "second FIRST SECOND PORT", "sni CONNECT-HOST SNI PORT". Answers one line each.
"""
import socket
import ssl
import struct
import sys

PROXY = int(sys.argv[1])
PATIENCE = 8


def get(host, path="/"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def read(connection):
    return connection.recv(4096)


def straight(host, port):
    return socket.create_connection((host, int(port)), PATIENCE)


def proxied():
    return socket.create_connection(("127.0.0.1", PROXY), PATIENCE)


def tunnel(host, port):
    if not PROXY:
        return straight(host, port)
    connection = proxied()
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    connection.sendall(f"CONNECT {shown}:{port} HTTP/1.1\r\nHost: {shown}:{port}\r\n\r\n".encode())
    answer = read(connection)
    if b" 200" not in answer.split(b"\r\n")[0]:
        raise OSError(f"proxy: {answer[:60]!r}")
    return connection


def socks(host, port):
    if not PROXY:
        return straight(host, port)
    connection = proxied()
    connection.sendall(b"\x05\x01\x00")
    read(connection)
    name = host.strip("[]").encode()
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack("!H", int(port)))
    answer = read(connection)
    if len(answer) < 2 or answer[1] != 0:
        raise OSError(f"socks: {answer[:20]!r}")
    return connection


def request(connection, host):
    connection.settimeout(PATIENCE)
    connection.sendall(get(host))
    return read(connection)


def by_uri(host, port, header=None):
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    connection = proxied() if PROXY else straight(host, port)
    connection.settimeout(PATIENCE)
    connection.sendall(f"GET http://{shown}:{port}/ HTTP/1.1\r\nHost: {header or shown}:{port}\r\nConnection: close\r\n\r\n".encode())
    return read(connection)


def second_host(first, second, port):
    """Two requests on one connection, the second for another host."""
    if not PROXY:
        return request(straight(second, port), second)
    connection = proxied()
    connection.settimeout(PATIENCE)
    for host in (first, second):
        connection.sendall(f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = read(connection)
    return answer


def hello(server):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session = context.wrap_bio(incoming, outgoing, server_hostname=server)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def with_server_name(host, server, port):
    connection = tunnel(host, port)
    connection.settimeout(PATIENCE)
    connection.sendall(hello(server))
    return read(connection)


def datagram(host, port):
    connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection.settimeout(1)
    connection.sendto(b"escaped", (host, int(port)))
    return read(connection)


ATTEMPTS = {
    "tcp": lambda host, port: request(straight(host, port), host),
    "connect": lambda host, port: request(tunnel(host, port), host),
    "socks": lambda host, port: request(socks(host, port), host),
    "uri": by_uri,
    "udp": datagram,
    "name": lambda name: socket.gethostbyname(name).encode(),
    "mismatch": lambda uri, header, port: by_uri(uri, port, header),
    "second": second_host,
    "sni": with_server_name,
}

for line in sys.stdin:
    words = line.split()
    try:
        answer = ATTEMPTS[words[0]](*words[1:])
    except (OSError, UnicodeError, ValueError, ssl.SSLError) as error:
        answer = f"{type(error).__name__}: {error}".encode()
    print(f"{line.strip()}\t{answer[:120]!r}", flush=True)
print("done")
