"""Write the captions of one dump's recordings, those included that the dump itself brought along."""

from collections import Counter
from pathlib import Path

from biolingual.captioning import captioner
from biolingual.params import CaptionParams
from biolingual.records import Caption, Recording, rows, write_rows
from stages.entry import run


def main(caption: CaptionParams, manifests: Path, out: Path) -> None:
    write = captioner(caption.captioner)
    written = [
        one for recording in rows(manifests / "recordings.parquet", Recording) for one in write.captions(recording)
    ]
    brought = manifests / "captions.parquet"
    written += rows(brought, Caption) if brought.is_file() else []
    write_rows(written, Caption, out)
    statuses = ", ".join(
        f"{count} {status}" for status, count in sorted(Counter(one.status for one in written).items())
    )
    print(f"caption {out.stem}: {statuses} (captioner {caption.captioner})")


if __name__ == "__main__":
    run(main)
