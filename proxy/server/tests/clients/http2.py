"""The `h2` library as a client: streams that are interleaved, and windows that are kept to.

Its arguments are the edge's address and port. The origin sends as many bytes as a path ends with, and counts those that it gets.
"""

import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

from stage import same

LARGE = 4 * 1024 * 1024
WINDOW = 65_535


class Client:
    def __init__(self, address: str, port: int, window: int = WINDOW) -> None:
        self.socket = socket.create_connection((address, port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.authority = f"{address}:{port}"
        self.responses: dict[int, dict] = {}
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, method: str, path: str, *more, end: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", self.authority), *more]
        self.h2.send_headers(stream, head, end_stream=end)
        self.responses[stream] = {"body": b"", "ended": False, "reset": None, "trailers": None}
        self.flush()
        return stream

    def hear(self, acknowledge: bool = True) -> list:
        """What comes next. Windows grow only if it is acknowledged."""
        data = self.socket.recv(65_536)
        if not data:
            sys.exit("the edge has closed the connection")
        events = self.h2.receive_data(data)
        for event in events:
            response = self.responses.get(getattr(event, "stream_id", None))
            match event:
                case h2.events.ResponseReceived():
                    response["head"] = dict(event.headers)
                case h2.events.DataReceived():
                    response["body"] += event.data
                    if acknowledge:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.TrailersReceived():
                    response["trailers"] = dict(event.headers)
                case h2.events.StreamEnded():
                    response["ended"] = True
                case h2.events.StreamReset():
                    response["reset"] = event.error_code
                case h2.events.ConnectionTerminated():
                    sys.exit(f"the edge has ended the connection: {event}")
        self.flush()
        return events

    def until(self, done) -> None:
        while not done():
            self.hear()

    def ended(self, *streams: int) -> bool:
        return all(self.responses[stream]["ended"] for stream in streams)


def interleaved_downloads(address: str, port: int) -> None:
    client = Client(address, port)
    streams = [client.ask("GET", f"/{LARGE}") for _ in range(20)]
    order: list[int] = []
    while not client.ended(*streams):
        order += [event.stream_id for event in client.hear() if isinstance(event, h2.events.DataReceived)]
    for stream in streams:
        same(len(client.responses[stream]["body"]), LARGE, "the length of a download")
    last = {stream: len(order) - order[::-1].index(stream) for stream in streams}
    overlap = sum(order.index(stream) < min(last.values()) for stream in streams)
    same(overlap, len(streams), "streams that had begun before the first had ended")


def one_that_is_not_read_stops_no_other(address: str, port: int) -> None:
    client = Client(address, port)
    # The window of the connection is opened wide; that of the stream is left to run out.
    client.h2.increment_flow_control_window(64 * 1024 * 1024)
    client.flush()
    stuck = client.ask("GET", f"/{LARGE}")
    while len(client.responses[stuck]["body"]) < WINDOW:
        client.hear(acknowledge=False)
    same(len(client.responses[stuck]["body"]), WINDOW, "what comes before a window is opened")
    other = client.ask("GET", "/5")
    while not client.ended(other):
        client.hear(acknowledge=False)
    same(len(client.responses[stuck]["body"]), WINDOW, "what has come meanwhile")
    client.h2.increment_flow_control_window(LARGE, stuck)
    client.flush()
    while not client.ended(stuck):
        client.hear(acknowledge=False)
    same(len(client.responses[stuck]["body"]), LARGE, "the rest, once there is room")


def interleaved_uploads(address: str, port: int) -> None:
    client = Client(address, port)
    left = {client.ask("POST", "/length", ("content-length", str(LARGE)), end=False): LARGE for _ in range(10)}
    streams = list(left)
    while any(left.values()):
        moved = False
        for stream in [stream for stream, rest in left.items() if rest]:
            room = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size, left[stream])
            if room > 0:
                left[stream] -= room
                client.h2.send_data(stream, b"x" * room, end_stream=left[stream] == 0)
                moved = True
        client.flush()
        if not moved:
            client.hear()
    client.until(lambda: client.ended(*streams))
    for stream in streams:
        same(client.responses[stream]["body"], str(LARGE).encode(), "the length of an upload")


def a_stream_that_is_reset_stops_no_other(address: str, port: int) -> None:
    client = Client(address, port)
    for _ in range(10):
        given_up = client.ask("GET", f"/{LARGE}")
        kept = client.ask("GET", "/5")
        client.h2.reset_stream(given_up)
        client.flush()
        client.until(lambda: client.ended(kept))
        same(client.responses[kept]["head"][":status"], "200", "the stream beside one that was given up")


def main() -> None:
    address, port = sys.argv[1], int(sys.argv[2])
    interleaved_downloads(address, port)
    one_that_is_not_read_stops_no_other(address, port)
    interleaved_uploads(address, port)
    a_stream_that_is_reset_stops_no_other(address, port)


main()
