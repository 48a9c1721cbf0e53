"""Draw reports/history.html: how the released model does on each new dump. No arm of the graph."""

from pathlib import Path

from biolingual.history import write_page
from stages.entry import run


def main(history: Path, page: Path) -> None:
    print(f"history: {write_page(history, page)} rows, {page}")


if __name__ == "__main__":
    run(main)
