"""Turns the signature of a stage's `main` into its command line, and is where a stage meets the machine.

A parameter annotated with a section of params.yaml is filled from there; `DumpRow` with the row of `--dump`; `Machine`
and `Endpoint` from the environment; every other one becomes an option, which may be left out where it has a default. So a stage's
values, paths and machine are all in its signature. A bool is a switch.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import typing
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from biolingual import telemetry
from biolingual.captioning.endpoint import Endpoint
from biolingual.parallel import Machine, this_machine
from biolingual.params import DumpRow, Params, load
from biolingual.processes import end_with_parent
from biolingual.shard_reader import Shards

SECTIONS = {str(field.annotation): name for name, field in Params.model_fields.items()}  # type -> attribute of Params


def run(main: Callable, instead: dict[str, str] | None = None) -> None:
    """Parse argv, call `main`, print one line on a fault of the input and exit 1; end with the parent process.

    `instead`: an option -> the module whose `main` is called where that option is given. Named and not imported, since
    an arm of the graph depends on all that its stage imports.
    """
    telemetry.switch_off()
    end_with_parent()
    for option, module in (instead or {}).items():
        if any(word == option or word.startswith(f"{option}=") for word in sys.argv[1:]):
            main = import_module(module).main
    try:
        main(**arguments(main, sys.argv[1:], Path("params.yaml")))
    except (ValueError, FileNotFoundError) as error:
        if os.environ.get("BIOLINGUAL_TRACEBACK"):
            raise
        print(f"ERROR {Path(inspect.getfile(main)).stem}: {error}", file=sys.stderr)
        sys.exit(1)


def secret(variable: str) -> str:
    """A key from the environment; "" where it is not set. It is never an option: command lines are seen by everyone."""
    return os.environ.get(variable, "")


def sections(main: Callable) -> list[str]:
    """The sections of params.yaml that a stage's `main` takes, in the order of its signature."""
    return [SECTIONS[str(hint)].rstrip("_") for hint in _hints(main).values() if str(hint) in SECTIONS]


def arguments(main: Callable, argv: list[str], params_file: Path) -> dict[str, object]:
    """The keyword arguments for `main` from a command line and params.yaml."""
    hints, signature = _hints(main), inspect.signature(main).parameters
    parser = argparse.ArgumentParser(prog=main.__module__, description=inspect.getdoc(sys.modules[main.__module__]))
    for name, hint in hints.items():
        if hint is bool:
            parser.add_argument(f"--{name.replace('_', '-')}", action="store_true")
        elif str(hint) not in SECTIONS and hint not in (DumpRow, Endpoint, Machine, Params):
            kind = {"type": _single_type(hint)} | ({"nargs": "+"} if typing.get_origin(hint) is list else {})
            default = signature[name].default
            kind |= {"required": True} if default is inspect.Parameter.empty else {"default": default}
            parser.add_argument(f"--{name.replace('_', '-')}", **kind)
    given = vars(parser.parse_args(argv))
    params = load(params_file)
    for name, hint in hints.items():
        if hint is Params:
            given[name] = params
        elif hint is Machine:
            given[name] = this_machine()
        elif hint is Endpoint:
            given[name] = this_endpoint()
        elif hint is DumpRow:
            if given["dump"] not in params.dumps:
                raise ValueError(f"params.yaml has no dump {given['dump']!r}. Known: {', '.join(params.dumps)}.")
            given[name] = params.dumps[given["dump"]]
        elif str(hint) in SECTIONS:
            given[name] = getattr(params, SECTIONS[str(hint)])
    return given


def this_endpoint() -> Endpoint:
    """The language model's endpoint as the environment describes it. BIOLINGUAL_CHAT_USD is the price of a million tokens in,
    and out: "0.5,1.5"."""
    given = os.environ.get("BIOLINGUAL_CHAT_USD", "0,0")
    try:
        usd_in, usd_out = map(float, given.split(","))
        found = Endpoint(
            url=os.environ.get("BIOLINGUAL_CHAT_URL", ""),
            key=os.environ.get("BIOLINGUAL_CHAT_KEY", ""),
            at_once=int(os.environ.get("BIOLINGUAL_CHAT_AT_ONCE", Endpoint.at_once)),
            timeout_s=float(os.environ.get("BIOLINGUAL_CHAT_TIMEOUT_S", Endpoint.timeout_s)),
            tries=int(os.environ.get("BIOLINGUAL_CHAT_TRIES", Endpoint.tries)),
            answers=os.environ.get("BIOLINGUAL_CHAT_ANSWERS", Endpoint.answers),
            usd_in=usd_in,
            usd_out=usd_out,
            offline=os.environ.get("BIOLINGUAL_OFFLINE", "0") == "1",
        )
        if min(found.at_once, found.tries, found.timeout_s) <= 0:
            raise ValueError("not positive")
    except ValueError as error:
        names = "BIOLINGUAL_CHAT_AT_ONCE, BIOLINGUAL_CHAT_TIMEOUT_S and BIOLINGUAL_CHAT_TRIES"
        raise ValueError(f'{names} are positive numbers, BIOLINGUAL_CHAT_USD is two: "0.5,1.5".') from error
    return found


def shards(audio: Path, pairs: Iterable, machine: Machine) -> Shards:
    """Where the clips of `pairs` are read from: `audio`, and DVC's cache and remote where a shard is not there.

    With a cluster the stores are always named, since another node has no checkout.
    """
    here = all((audio / dump / shard).is_file() for dump, shard in {(pair.dump, pair.shard) for pair in pairs})
    return Shards(
        root=str(audio.resolve()),
        stores=() if here and not machine.ray_address else tuple(_stores()),
        cache=str(Path(machine.shard_cache).resolve()),
        cache_bytes=int(machine.shard_cache_gb * 1e9),
    )


def _stores() -> list[str]:
    """DVC's cache folder and its remote, where there is one; the remote's endpoint goes to the environment, as s3fs reads it."""
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            stores = [repo.cache.local.path]
            try:
                remote = repo.cloud.get_remote_odb()
            except NoRemoteError:
                return stores
            endpoint = repo.config["remote"].get(repo.config["core"].get("remote"), {}).get("endpointurl")
            if endpoint:
                os.environ.setdefault("AWS_ENDPOINT_URL", endpoint)
            return [*stores, remote.fs.unstrip_protocol(remote.path)]
    except DvcException as error:
        raise ValueError(f"the DVC cache or remote cannot be read: {error}") from error


def _single_type(hint: type) -> type:
    """The T of T, list[T] and T | None."""
    return next((one for one in typing.get_args(hint) if one is not type(None)), hint)


def _hints(main: Callable) -> dict[str, type]:
    hints = typing.get_type_hints(main)
    hints.pop("return", None)
    return hints
