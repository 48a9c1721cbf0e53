"""Sends a released model to a hub: an explicit step of its own, never part of a release."""

from __future__ import annotations

import os
from pathlib import Path

from flows import gates, versions
from flows.dvc_graph import stale
from flows.gates import RELEASE
from flows.git import without_credentials
from flows.release import committed


def upload(repo_id: str, allow_simulated: bool, public: bool) -> str:
    """Upload the release folder as one commit, tagged with its version; returns the address.

    ValueError unless the folder is a released version, up to date, of real sounds (or allowed), and HF_TOKEN is set.
    """
    entry = version_of_folder(Path(RELEASE))
    if entry["origin"] != "real" and not allow_simulated:
        raise ValueError(
            f"{entry['model']} {entry['version']} has heard {entry['origin']} sounds: on a hub it would pass for a model of "
            "animals. Pass --allow-simulated to upload it all the same."
        )
    token = os.environ.get("HF_TOKEN")
    if not token:
        raise ValueError("HF_TOKEN is not set. Set it to a token that may write to the hub; none is read from disk.")
    from huggingface_hub import HfApi

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        api.create_repo(repo_id, private=not public, exist_ok=True)
        done = api.upload_folder(
            folder_path=RELEASE,
            repo_id=repo_id,
            commit_message=f"{entry['model']} {entry['version']}",
            delete_patterns="*",
        )
        api.create_tag(repo_id, tag=entry["version"], revision=done.oid, exist_ok=True)
    except Exception as error:  # the client lets its HTTP library's own errors through
        raise RuntimeError(without_credentials(f"the upload to {repo_id} failed: {error}")) from error
    return f"{entry['model']} {entry['version']}: {done.commit_url}"


def version_of_folder(folder: Path) -> dict:
    """The released version whose model and card a folder holds. ValueError when there is none."""
    sha = gates.sha256(folder / "model.safetensors")
    found = [entry for entry in committed() if entry["model_sha"] == sha]
    tagged = {version.number for entry in found for version in versions.versions(entry["model"])}
    if not found or found[-1]["version"] not in tagged:
        raise ValueError(
            f"{folder} holds no released version. Make one with `python -m flows release`, or check one out."
        )
    if "release" in stale(allow_missing=True):
        raise ValueError(f"the card in {folder} is not the released one. Run: dvc checkout {folder}, or dvc repro")
    return found[-1]
