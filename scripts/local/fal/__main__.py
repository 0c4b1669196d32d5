"""Run a stand-in for fal's queue: `python -m scripts.local.fal --port 54330`."""

from __future__ import annotations

import argparse

from scripts.local.fal.server import make_server


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local.fal", description=__doc__)
    parser.add_argument("--port", required=True, type=int, help="port to listen on, at 127.0.0.1")
    make_server(parser.parse_args().port).serve_forever()


if __name__ == "__main__":
    main()
