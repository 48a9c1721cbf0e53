"""Join manifests and captions into a version of AnimalSpeak."""

from collections import Counter
from pathlib import Path

from biolingual.assembly import assemble as assembled
from biolingual.assembly import read_dump, write
from biolingual.params import AssembleParams, DumpRow
from stages.entry import run


def main(assemble: AssembleParams, dumps: dict[str, DumpRow], manifests: Path, captions: Path, out: Path) -> None:
    pairs, rejected = assembled((read_dump(name, manifests, captions) for name in dumps), assemble)
    card = write(pairs, rejected, list(dumps), manifests, captions, out)
    splits = ", ".join(f"{count} {split}" for split, count in sorted(Counter(pair.split for pair in pairs).items()))
    print(f"assemble: {card['recordings']} recordings, clips: {splits}; {len(rejected)} rejected {card['rejected']}")


if __name__ == "__main__":
    run(main)
