"""How a script and the test that runs it talk: by lines.

The script says where its server listens, and is told where the edge does. It ends with success, or with what it
found to be wrong.
"""

import sys


def edge_before(port: int) -> str:
    """Says where our server is; waits to hear where the edge before it is, as `address:port`."""
    print(port, flush=True)
    edge = sys.stdin.readline().strip()
    if not edge:
        sys.exit("no edge was started")
    return edge


def same(found, wanted, what: str) -> None:
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, wanted {wanted!r}")
