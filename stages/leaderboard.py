"""Draw the page of scores from one or more folders of score files. No arm of the graph."""

from pathlib import Path

from biolingual.leaderboard import write_page
from stages.entry import run


def main(scores: list[Path], page: Path, releases: Path = Path("reports/releases.json")) -> None:
    print(f"leaderboard: {write_page(scores, page, releases)} scores, {page}")


if __name__ == "__main__":
    run(main)
