"""`grpcio` on both sides of the edge: its health service, and calls of all four kinds."""

import queue
import threading
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from stage import edge_before, same

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
PATIENCE = 20
MANY = 1000


def upper(message: bytes, context) -> bytes:
    context.send_initial_metadata((("x-first", "1"),))
    context.set_trailing_metadata((("x-last", "2"), ("x-last-bin", b"\x00\xff")))
    return message.upper()


def count(message: bytes, context):
    for number in range(int(message)):
        yield str(number).encode()


def total(messages, context) -> bytes:
    return str(sum(len(message) for message in messages)).encode()


def turns(messages, context):
    for message in messages:
        yield message[::-1]


def refuse(message: bytes, context) -> bytes:
    context.set_trailing_metadata((("x-reason", "because"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nöt tödäy")


def refuse_late(message: bytes, context):
    yield b"so far"
    context.abort(grpc.StatusCode.DATA_LOSS, "and no further")


def sleep(message: bytes, context) -> bytes:
    time.sleep(PATIENCE / 10)
    return message


def serve(server) -> health.HealthServicer:
    methods = {
        "Upper": grpc.unary_unary_rpc_method_handler(upper),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Total": grpc.stream_unary_rpc_method_handler(total),
        "Turns": grpc.stream_stream_rpc_method_handler(turns),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
        "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
        "RefuseLate": grpc.unary_stream_rpc_method_handler(refuse_late),
    }
    services = ("calls.Calls", "hasty.Calls", "narrow.Calls", "brief.Calls")
    handlers = [grpc.method_handlers_generic_handler(service, methods) for service in services]
    server.add_generic_rpc_handlers(tuple(handlers))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer


def health_service(channel, servicer) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    ask = health_pb2.HealthCheckRequest
    same(stub.Check(ask(service=""), timeout=PATIENCE).status, SERVING, "the server's health")
    try:
        stub.Check(ask(service="nobody"), timeout=PATIENCE)
    except grpc.RpcError as error:
        same(error.code(), grpc.StatusCode.NOT_FOUND, "the health of a service that is not there")
    else:
        same("an answer", "an error", "the health of a service that is not there")
    servicer.set("shop", SERVING)
    watch = stub.Watch(ask(service="shop"), timeout=PATIENCE)
    # Each is told as it happens: the stream goes on all the while.
    same(next(watch).status, SERVING, "the first word of a watch")
    for status in (NOT_SERVING, SERVING, NOT_SERVING):
        servicer.set("shop", status)
        same(next(watch).status, status, "the next word of a watch")
    watch.cancel()


def four_kinds(channel) -> None:
    response, call = channel.unary_unary("/calls.Calls/Upper").with_call(b"hello", timeout=PATIENCE)
    same(response, b"HELLO", "a unary call")
    same(dict(call.initial_metadata())["x-first"], "1", "the initial metadata")
    trailing = dict(call.trailing_metadata())
    same((trailing["x-last"], trailing["x-last-bin"]), ("2", b"\x00\xff"), "the trailing metadata")
    numbers = list(channel.unary_stream("/calls.Calls/Count")(str(MANY).encode(), timeout=PATIENCE))
    same(numbers, [str(number).encode() for number in range(MANY)], "a stream from the server")
    pieces = (b"x" * 10_000 for _ in range(MANY))
    same(channel.stream_unary("/calls.Calls/Total")(pieces, timeout=PATIENCE), str(10_000 * MANY).encode(), "a stream to the server")
    # One at a time: each answer is there before the next question is asked.
    questions: queue.Queue = queue.Queue()
    answers = channel.stream_stream("/calls.Calls/Turns")(iter(questions.get, None), timeout=PATIENCE)
    for number in range(100):
        questions.put(f"{number:04}".encode())
        same(next(answers), f"{number:04}"[::-1].encode(), "a turn of a conversation")
    questions.put(None)
    same(list(answers), [], "the end of a conversation")
    large = b"x" * (3 * 1024 * 1024)
    same(channel.unary_unary("/calls.Calls/Upper")(large, timeout=PATIENCE), large.upper(), "a large message")


def errors(channel) -> None:
    try:
        channel.unary_unary("/calls.Calls/Refuse")(b"", timeout=PATIENCE)
    except grpc.RpcError as error:
        found = (error.code(), error.details(), dict(error.trailing_metadata())["x-reason"])
        same(found, (grpc.StatusCode.FAILED_PRECONDITION, "nöt tödäy", "because"), "an error at once")
    stream = channel.unary_stream("/calls.Calls/RefuseLate")(b"", timeout=PATIENCE)
    same(next(stream), b"so far", "what comes before an error")
    try:
        next(stream)
    except grpc.RpcError as error:
        same((error.code(), error.details()), (grpc.StatusCode.DATA_LOSS, "and no further"), "an error at the end")


def failures_of_the_edge(channel) -> None:
    """What the edge says itself is said in gRPC's terms, and in a sentence."""
    code = grpc.StatusCode
    for path, message, found in (
        ("/nowhere/At", b"", (code.UNIMPLEMENTED, "There is nothing here.")),
        ("/down/At", b"", (code.UNAVAILABLE, "The server could not be reached.")),
        ("/sick/At", b"", (code.UNAVAILABLE, "No server is there to answer.")),
        ("/hasty.Calls/Sleep", b"", (code.DEADLINE_EXCEEDED, "The server did not answer in time.")),
        ("/brief.Calls/Total", b"x" * 100, (code.RESOURCE_EXHAUSTED, "The request's body is too large.")),
    ):
        ended_with(found, lambda: channel.unary_unary(path)(message, timeout=PATIENCE), path)
    # One conversation has the only place that there is.
    questions: queue.Queue = queue.Queue()
    answers = channel.stream_stream("/narrow.Calls/Turns")(iter(questions.get, None), timeout=PATIENCE)
    questions.put(b"ab")
    same(next(answers), b"ba", "a conversation that has the only place")
    full = (code.RESOURCE_EXHAUSTED, "Too many want the same. Try again soon.")
    ended_with(full, lambda: channel.unary_unary("/narrow.Calls/Upper")(b"", timeout=PATIENCE), "where there is no place")
    questions.put(None)
    same(list(answers), [], "the end of the conversation that had it")
    # Its place is free once its end has been heard, which nothing tells us.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            same(channel.unary_unary("/narrow.Calls/Upper")(b"a", timeout=PATIENCE), b"A", "a call with the only place")
            return
        except grpc.RpcError as error:
            if time.monotonic() > deadline:
                same(error.code(), "an answer", "a call with the only place")


def ended_with(wanted, call, what: str) -> None:
    try:
        call()
    except grpc.RpcError as error:
        same((error.code(), error.details()), wanted, f"what the edge itself says of {what}")
    else:
        same("an answer", wanted, what)


def at_once(channel) -> None:
    """A hundred calls on one connection, none of which waits for another."""
    barrier = threading.Barrier(100)

    def call(number: int) -> None:
        questions: queue.Queue = queue.Queue()
        answers = channel.stream_stream("/calls.Calls/Turns")(iter(questions.get, None), timeout=PATIENCE)
        questions.put(b"ab")
        same(next(answers), b"ba", "a conversation among many")
        # None goes on before all have begun.
        barrier.wait(PATIENCE)
        questions.put(None)
        same(list(answers), [], "the end of a conversation among many")

    with futures.ThreadPoolExecutor(100) as threads:
        list(threads.map(call, range(100)))


def channel_to(edge: str, authority: str | None):
    if authority is None:
        return grpc.insecure_channel(edge)
    with open(authority, "rb") as file:
        return grpc.secure_channel(edge, grpc.ssl_channel_credentials(file.read()))


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(128))
    servicer = serve(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with channel_to(*edge_before(port)) as channel:
        health_service(channel, servicer)
        four_kinds(channel)
        errors(channel)
        failures_of_the_edge(channel)
        at_once(channel)
    server.stop(0)


main()
