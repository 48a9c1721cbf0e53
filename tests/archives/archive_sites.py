"""Small archives on a server of this machine, each speaking its true form; ids and names are made up."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.archives.faulty_site import Reply, Site
from tests.archives.made_dumps import darwin_core

JSON = "application/json"
KEY = "k3y/with+signs-0123456789"


def wav(number: int) -> bytes:
    """One second that differs with `number`."""
    samples = struct.pack("<8000h", *(((step * (number % 97 + 3)) % 200 - 100) * 100 for step in range(8000)))
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 16036, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 16000
    )
    return head + samples


class XenoCanto:
    """API v3 with `ids` in pages of `on_a_page`. withheld: without a file; withdrawn: a file that is gone."""

    def __init__(self, site: Site, ids: list[int], on_a_page: int = 3):
        self.site, self.ids, self.on_a_page = site, ids, on_a_page
        self.withheld: set[int] = set()
        self.withdrawn: set[int] = set()
        self.names: dict[int, str] = {}
        site.routes["/api/3/recordings"] = self.page
        for number in range(1, 200):
            site.routes[f"/{number}/download"] = lambda query, number=number: self.sound(number)

    def page(self, query: dict) -> Reply:
        if query.get("key") != KEY:
            told = f"Missing or invalid 'key' parameter {query.get('key')}."
            return Reply(json.dumps({"error": "client_error", "message": told}).encode(), 401, JSON)
        if ":" not in query["query"]:
            told = f"Free text is refused: {query['query']} key={query['key']}"
            return Reply(json.dumps({"error": {"code": "bad_query", "message": told}}).encode(), 400, JSON)
        number, size = int(query["page"]), self.on_a_page
        ids = self.ids[max(0, (number - 1) * size - 1) : number * size]  # shifted by one: an id comes twice
        body = {
            "numRecordings": str(len(self.ids)),
            "numSpecies": "1",
            "page": number,
            "numPages": -(-len(self.ids) // size),
            "recordings": [self.recording(one) for one in ids],
        }
        return Reply(json.dumps(body).encode(), content_type=JSON)

    def recording(self, number: int) -> dict:
        file = None if number in self.withheld else f"{self.site.url}/{number}/download"
        return {
            "id": str(number),
            "gen": "Turdus",
            "sp": self.names.get(number, "merula"),
            "en": "Common Blackbird",
            "status": "identified",
            "rec": "A. Recordist",
            "file": file,
            "file-name": f"XC{number}-song.WAV",
            "lic": "//creativecommons.org/licenses/by/4.0/",
            "length": "0:01",
            "also": [],
            "_meta": {"redacted_fields": {"file": "restricted_species"}} if file is None else {"redacted_fields": []},
        }

    def sound(self, number: int) -> Reply:
        return Reply(b"gone", 404) if number in self.withdrawn else Reply(wav(number), content_type="audio/x-wav")


class AnimalSoundArchive:
    """The keyless search: a bare array, the last page again past the end."""

    def __init__(self, site: Site, ids: list[int]):
        self.ids, self.without = ids, set()
        site.routes["/search/query.json"] = self.page
        site.routes["/download.wav"] = lambda query: Reply(
            wav(int(query["unique_identifier"][-3:])), content_type="audio/wav"
        )

    def page(self, query: dict) -> Reply:
        if not query.get("unique_identifier"):
            return Reply(b'{"Warning":"no search parameters found"}', content_type=JSON)
        size = min(2, int(query["results_per_page"]))
        last = max(1, -(-len(self.ids) // size))
        start = (min(int(query["page"]), last) - 1) * size
        records = [
            {
                "unique_identifier": f"TSA:Crex_crex_{one:03d}",
                "dbid": one,
                "species": "Crex crex",
                "filename": None if one in self.without else f"Crex_{one}",
                "usage_permission": "CC BY-SA",
                "sample_rate": "48",
            }
            for one in self.ids[start : start + size]
        ]
        return Reply(json.dumps(records).encode(), content_type=JSON)


class INaturalist:
    """API v2: observations above an id; each has one sound, observation 3 two, and observation 4 shares one of them."""

    def __init__(self, site: Site, ids: list[int]):
        self.site, self.ids, self.stuck = site, ids, False
        site.routes["/v2/observations"] = self.page
        for sound in range(1000, 1200):
            reply = Reply(wav(sound), content_type="audio/mp4" if sound % 2 else "audio/x-wav")
            site.routes[f"/sounds/{sound}.{'m4a' if sound % 2 else 'wav'}"] = reply

    def sounds(self, one: int) -> list[int]:
        return {3: [1003, 1103], 4: [1103]}.get(one, [1000 + one])

    def page(self, query: dict) -> Reply:
        above = 0 if self.stuck else int(query["id_above"])
        ids = [one for one in self.ids if one > above][: min(2, int(query["per_page"]))]
        results = [
            {
                "id": one,
                "observed_on": "2025-08-17",
                "time_observed_at": "2025-08-17T05:00:00+02:00",
                "location": "50.7,7.1",
                "place_guess": "a garden",
                "obscured": one == 5,
                "public_positional_accuracy": 12,
                "taxon": {
                    "id": 47000 + one,
                    "name": "Gryllus campestris",
                    "rank": "species",
                    "ancestor_ids": [48460, 1],
                },
                "user": {"name": None, "login": "someone"},
                "sounds": [
                    {
                        "id": sound,
                        "license_code": "cc-by",
                        "file_url": f"{self.site.url}/sounds/{sound}.{'m4a' if sound % 2 else 'wav'}?17000{one}",
                        "file_content_type": "audio/mp4",
                        "hidden": one == 6,
                    }
                    for sound in self.sounds(one)
                ],
            }
            for one in ids
        ]
        body = {"total_results": len(self.ids), "page": 1, "per_page": 2, "results": results}
        return Reply(json.dumps(body).encode(), content_type=JSON)


class Watkins:
    """The site's own lists: species, years, cuts; a metadata page for each cut."""

    FOLDER = "/science/B/whalesounds"

    def __init__(self, site: Site, cuts: dict[str, list[str]]):
        self.site, self.cuts = site, cuts  # "BD12A" -> record numbers
        site.routes[f"{self.FOLDER}/index.cfm"] = lambda query: self.html(
            "<select id='getSpeciesCommon'><option value=''>Select</option>"
            + "".join(f'<option value="fullCuts.cfm?code={code}">Beluga {code}</option>' for code in self.cuts)
            + "</select><a href='http://elsewhere.example/fullCuts.cfm?code=X'>another site</a>"
        )
        site.routes[f"{self.FOLDER}/fullCuts.cfm"] = self.list
        site.routes[f"{self.FOLDER}/metaData.cfm"] = lambda query: self.html(
            f"<table><tr><td>RN:</td><td>{query['RN']}</td></tr><tr><td>GS</td><td>BD12A Delphinapterus leucas</td></tr>"
            "<tr><td>CS</td><td>0.1</td></tr></table>"
        )
        for number in (number for numbers in cuts.values() for number in numbers):
            self.add(number)

    def add(self, number: str) -> None:
        address = f"{self.FOLDER}/WhaleSounds/{number[:5]}/{number}.wav"
        self.site.routes[address] = Reply(wav(len(self.site.routes)), content_type="audio/wav")

    def list(self, query: dict) -> Reply:
        code = query["code"]
        if "YR" not in query:
            return self.html(f'<select><option value="fullCuts.cfm?code={code}&amp;YR=62">1962</option></select>')
        rows = (f"WhaleSounds/{number[:5]}/{number}.wav" for number in self.cuts[code])
        return self.html(
            "<table class='database'>" + "".join(f'<tr><td><a href="{row}">x</a></td></tr>' for row in rows)
        )

    def html(self, text: str) -> Reply:
        return Reply(f"<html>{text}</html>".encode(), content_type="text/html")


class GbifDownload:
    """A Darwin Core Archive at one address with an ETag, and its media on the same host.

    media_of: further terms of an occurrence's media row, the path of its sound under "path".
    """

    def __init__(self, site: Site, folder: Path, ids: list[int], media_of=None):
        self.site, self.folder, self.media_of = site, folder, media_of or self.plain
        self.publish(ids)

    @staticmethod
    def plain(one: int) -> dict:
        """The second under a name that says nothing."""
        return {"path": f"/media/{one}/download" if one == 2 else f"/media/Sound%20{one}.WAV"}

    def publish(self, ids: list[int]) -> None:
        occurrences = [{"id": str(one), "scientificName": "Turdus merula", "taxonRank": "species"} for one in ids]
        media = []
        for one in ids:
            terms = self.media_of(one)
            path = terms.pop("path")
            self.site.routes[path] = Reply(wav(one), content_type="audio/x-wav")
            media += [{"id": str(one), "type": "Sound", "identifier": self.site.url + path, "license": "CC0", **terms}]
        darwin_core(self.folder / "made.zip", occurrences, media)
        data = (self.folder / "made.zip").read_bytes()
        self.site.routes["/request/1.zip"] = Reply(
            data, content_type="application/zip", headers={"ETag": f'"{len(ids)}"'}
        )
