"""
TLS over memory buffers: OpenSSL sees no descriptor, asyncio moves the bytes. A server
and its clients in one event loop, the last five at a time. Prints what they saw.

    tls_asyncio.py CA CERTIFICATE KEY
"""
import asyncio
import ssl
import sys


async def read_message(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:")), 0)
    return head, await reader.readexactly(length)


def answer(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def serve(make_body):
    async def handle(reader, writer):
        try:
            while True:
                head, body = await read_message(reader)
                writer.write(answer(await make_body(head.split(b" ")[1].decode(), body)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    return server, server.sockets[0].getsockname()[1]


async def ask(port, method, path, body=b""):
    context = ssl.create_default_context(cafile=sys.argv[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    writer.write(b"%s %s HTTP/1.1\r\nHost: a.test\r\n%s\r\n" % (method.encode(), path.encode(), length) + body)
    await writer.drain()
    _, got = await read_message(reader)
    writer.close()
    await writer.wait_closed()
    return got


async def main():
    async def leaf(path, body):
        return f"{path} {len(body)} {sum(body)}\n".encode()
    server, port = await serve(leaf)
    print(await ask(port, "GET", "/first"))
    print(await ask(port, "POST", "/second", bytes(range(256)) * 1000))
    for line in await asyncio.gather(*(ask(port, "GET", f"/many/{n}") for n in range(5))):
        print(line)
    server.close()


asyncio.run(main())
