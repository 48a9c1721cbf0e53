"""Which of AudioSet's labels mean an animal: the subtree below "Animal", a deny list, and a plain name for each label.

Labels are bound by their id (mid): display names repeat and change. Ontology: github.com/audioset/ontology, CC BY-SA 4.0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from biolingual.storage import open_url

ROOT = "/m/0jbk"
# In the subtree, but no animal's voice, or the sound of other things too, or disowned by the ontology itself.
DENIED = {
    "/m/0239kh": "Cowbell",
    "/m/07rv9rh": "Clip-clop",
    "/m/07r4gkf": "Patter",
    "/m/05_wcq": "Bird flight, flapping wings",
    "/m/07pjwq1": "Buzz",
    "/m/07qn4z3": "Rattle",
    "/m/07rjwbb": "Hiss",
    "/m/07pggtn": "Chirp, tweet",
    "/m/0f25s6": "Cat communication",
    "/m/07srf8z": "Bay",
}
BROAD = {"/m/0jbk", "/m/068hy", "/m/0ch8v", "/m/01280g"}  # Animal, Domestic animals, Livestock, Wild animals
ANIMALS = {
    "/m/0bt9lr": "dog",
    "/m/01yrx": "cat",
    "/m/03k3r": "horse",
    "/m/0ffhf": "donkey",
    "/m/01xq0k1": "cow",
    "/m/01hhp3": "yak",
    "/m/068zj": "pig",
    "/m/03fwl": "goat",
    "/m/07bgp": "sheep",
    "/m/025rv6n": "fowl",
    "/m/09b5t": "chicken",
    "/m/01rd7k": "turkey",
    "/m/09ddx": "duck",
    "/m/0dbvp": "goose",
    "/m/0cdnk": "big cat",
    "/m/015p6": "bird",
    "/m/0h0rv": "pigeon",
    "/m/04s8yn": "crow",
    "/m/09d5_": "owl",
    "/m/01dwxx": "gull",
    "/m/01z5f": "canid",
    "/m/06hps": "rodent",
    "/m/04rmv": "mouse",
    "/m/02021": "chipmunk",
    "/m/03vt0": "insect",
    "/m/09xqv": "cricket",
    "/m/09f96": "mosquito",
    "/m/0h2mp": "fly",
    "/m/01h3n": "bee or wasp",
    "/m/09ld4": "frog",
    "/m/078jl": "snake",
    "/m/032n05": "whale",
}
SOUNDS = {  # what an animal does; the animal is the label's parent
    "/m/05tny_": "bark",
    "/m/07r_k2n": "yip",
    "/m/07qf0zm": "howl",
    "/m/07rc7d9": "bow-wow",
    "/m/0ghcn6": "growling",
    "/t/dd00136": "whimper",
    "/m/02yds9": "purr",
    "/m/07qrkrw": "meow",
    "/m/07r81j2": "caterwaul",
    "/m/07q5rw0": "neigh",
    "/t/dd00139": "snort",
    "/t/dd00140": "nicker",
    "/m/07rpkh9": "moo",
    "/t/dd00018": "oink",
    "/m/07q0h5t": "bleat",
    "/m/07st89h": "cluck",
    "/m/07qn5dc": "crowing",
    "/m/07svc2k": "gobble",
    "/m/07qdb04": "quack",
    "/m/07qwf61": "honk",
    "/m/04cvmfc": "roar",
    "/m/020bb7": "vocalization",
    "/m/07sx8x_": "squawk",
    "/m/07r_25d": "coo",
    "/m/07r5c2p": "caw",
    "/m/07r_80w": "hoot",
    "/m/07st88b": "croak",
}


@dataclass(frozen=True)
class AnimalLabels:
    """What a clip's labels say: the animal in front, the others, and what it does; name "" where that stays open."""

    name: str
    others: list[str]
    behavior: str


class Ontology:
    """The animal subtree of an ontology.json. ValueError when the file is not the ontology."""

    def __init__(self, url: str):
        with open_url(url) as file:
            try:
                nodes = {node["id"]: node["child_ids"] for node in json.load(file)}
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{url} is not AudioSet's ontology.json ({error!r}).") from error
        if ROOT not in nodes:
            raise ValueError(f"{url} has no node {ROOT} (Animal): not AudioSet's ontology.json.")
        self.below: dict[str, set[str]] = {}
        self._collect(ROOT, nodes)
        self.parents = {mid: {up for up in self.below if mid in nodes.get(up, [])} for mid in self.below}

    def _collect(self, mid: str, nodes: dict[str, list[str]]) -> set[str]:
        if mid not in self.below:
            self.below[mid] = set()  # before the descent, so that a cycle ends
            for child in nodes.get(mid, []):
                self.below[mid] |= {child} | self._collect(child, nodes)
        return self.below[mid]

    def is_animal(self, mids: list[str]) -> bool:
        """Whether one of the labels lies in the subtree and is not denied."""
        return any(mid in self.below and mid not in DENIED for mid in mids)

    def labels(self, mids: list[str]) -> AnimalLabels:
        """The most particular animals named, in the labels' order; "Meow" alone names the cat, "Bleat" alone no one."""
        allowed = [mid for mid in mids if mid in self.below and mid not in DENIED]
        sounds = [mid for mid in allowed if mid in SOUNDS]
        named = [mid for mid in allowed if mid not in SOUNDS and mid not in BROAD]
        if not named and sounds:
            parents = set.intersection(*(self.parents[mid] - BROAD for mid in sounds))
            named = sorted(parents) if len(parents) == 1 else []
        named = [mid for mid in named if not any(other in self.below[mid] for other in named)]
        names = [ANIMALS[mid] for mid in named if mid in ANIMALS]
        return AnimalLabels(names[0] if names else "", names[1:], ", ".join(SOUNDS[mid] for mid in sounds))
