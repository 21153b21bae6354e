#!/usr/bin/python3
"""
An application server of the asyncio kind: every request on one thread, answers
in the order of timers, a pool of upstream connections that requests share.

    http_asyncio.py PORT [UPSTREAM_PORT]        ends at SIGINT

/leaf?QUERY (answers QUERY)  /hello  /slow/MS
/chain?QUERY (timer, upstream's /leaf?QUERY by the pool, timer)
/executor?QUERY (the same by a blocking client in a pool of threads)
/mixed?QUERY (one or the other, by the query's sum)
"""
import asyncio
import concurrent.futures
import http.client
import random
import sys
import threading

PORT = int(sys.argv[1])
UPSTREAM = int(sys.argv[2]) if len(sys.argv) > 2 else 0
executor = concurrent.futures.ThreadPoolExecutor(8)
idle = []                       # upstream connections that nobody uses
local = threading.local()
dice = random.Random(7)


async def upstream(target):
    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", UPSTREAM)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{UPSTREAM}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:"))
    body = await reader.readexactly(length)
    idle.append((reader, writer))
    return body


def blocking(target):
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection("127.0.0.1", UPSTREAM, timeout=20)
    local.connection.request("GET", target)
    return local.connection.getresponse().read()


async def timer():
    """By call_later, as libraries do it, not by a coroutine of its own."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(dice.random() * 0.004, done.set_result, None)
    await done


async def answer_of(target):
    path, _, query = target.partition("?")
    what, _, arg = path.lstrip("/").partition("/")
    if what == "leaf":
        return query.encode() + b"\n"
    if what == "slow":
        await asyncio.sleep(int(arg) / 1000)
        return b"slow\n"
    if what == "mixed":
        what = "executor" if sum(query.encode()) % 2 else "chain"
    if what == "chain":
        await timer()
        body = await upstream("/leaf?" + query)
        await timer()
        return body
    if what == "executor":
        await timer()
        return await asyncio.get_running_loop().run_in_executor(executor, blocking, "/leaf?" + query)
    return b"hello\n"


async def connection(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            target = head.split(" ", 2)[1]
            body = await answer_of(target)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            if "\r\nconnection: close\r\n" in head.lower():
                break
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(connection, "127.0.0.1", PORT, backlog=1024)
    async with server:
        await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
executor.shutdown(False)
