"""The `websockets` library on both sides of the edge."""

import asyncio
import os
import ssl
from functools import partial

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from stage import edge_before, same

FRAME = 8 * 1024 * 1024


async def echo(socket) -> None:
    async for message in socket:
        if message == "bye":
            await socket.close(4001, "said bye")
        else:
            await socket.send(message)


async def large_frames(ask, uri: str) -> None:
    # Random, so that compression makes nothing of it smaller.
    for frame in (os.urandom(FRAME), "é" * (FRAME // 2)):
        async with ask(uri) as socket:
            await socket.send(frame)
            same(await socket.recv() == frame, True, "a frame of 8 MiB comes back as it was")
    # Both sides write before they read.
    async with ask(uri, compression=None) as socket:
        frames = [os.urandom(FRAME) for _ in range(4)]
        sending = asyncio.gather(*(socket.send(frame) for frame in frames))
        for frame in frames:
            same(await socket.recv() == frame, True, "frames come back in their order")
        await sending


async def many_at_once(ask, uri: str, count: int) -> None:
    sockets = await asyncio.gather(*(ask(uri) for _ in range(count)))

    async def talk(number: int, socket) -> None:
        for turn in range(20):
            await socket.send(f"{number} {turn}")
            same(await socket.recv(), f"{number} {turn}", "a socket hears its own echo")
            await (await socket.ping())

    await asyncio.gather(*(talk(number, socket) for number, socket in enumerate(sockets)))
    await asyncio.gather(*(socket.close() for socket in sockets))


async def many_in_a_row(ask, uri: str, count: int) -> None:
    for turn in range(count):
        async with ask(uri) as socket:
            await socket.send(str(turn))
            same(await asyncio.wait_for(socket.recv(), 20), str(turn), "a tunnel is alive")


async def closing(ask, uri: str) -> None:
    socket = await ask(uri)
    await socket.close(1001, "going away")
    same((socket.close_code, socket.close_reason), (1001, "going away"), "the server confirms how a client closes")
    async with ask(uri, subprotocols=None) as socket:
        await socket.send("bye")
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            same((closed.rcvd.code, closed.rcvd.reason), (4001, "said bye"), "the client hears how a server closes")
        else:
            same("a message", "the end", "after a close")


async def main() -> None:
    async with serve(echo, "127.0.0.1", 0, max_size=2 * FRAME) as server:
        port = server.sockets[0].getsockname()[1]
        edge, authority = await asyncio.get_running_loop().run_in_executor(None, edge_before, port)
        ask = partial(connect, max_size=2 * FRAME, open_timeout=20)
        uri = f"ws://{edge}/chat"
        if authority:
            uri = f"wss://{edge}/chat"
            ask = partial(ask, ssl=ssl.create_default_context(cafile=authority))
        await large_frames(ask, uri)
        await many_at_once(ask, uri, 100)
        await many_in_a_row(ask, uri, 200)
        await closing(ask, uri)


asyncio.run(main())
