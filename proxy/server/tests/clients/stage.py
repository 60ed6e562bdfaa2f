"""How a script and the test that runs it talk: by lines.

The script says where its server listens, and is told where the edge does. It ends with success, or with what it
found to be wrong.
"""

import sys


def edge_before(port: int) -> tuple[str, str | None]:
    """Says where our server is; waits to hear where the edge before it is.

    That is an `address:port`, and the file with the authority of its certificate, if it speaks TLS.
    """
    print(port, flush=True)
    edge, _, authority = sys.stdin.readline().strip().partition(" ")
    if not edge:
        sys.exit("no edge was started")
    return edge, authority or None


def same(found, wanted, what: str) -> None:
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, wanted {wanted!r}")
