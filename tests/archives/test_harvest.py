"""Harvests from archives' sites on this machine: what comes is what the adapter reads, once, whole, and no more than is new."""

import json
from dataclasses import replace

import pytest

from biolingual.archives import ARCHIVES, adapter
from biolingual.archives.harvest import HARVESTERS, harvester
from biolingual.archives.harvest.body import HarvestError
from biolingual.archives.harvest.journal import JOURNAL, Order
from biolingual.archives.harvest.run import harvest
from biolingual.ingestion import ingest
from biolingual.parallel import Machine
from biolingual.records import Rejected
from biolingual.storage import digest
from biolingual.tabular import rows
from tests.archives.archive_sites import KEY, AnimalSoundArchive, GbifDownload, INaturalist, Watkins, XenoCanto
from tests.archives.faulty_site import Reply, faulty_site
from tests.archives.made_dumps import dump_row


@pytest.fixture
def site():
    with faulty_site() as running:
        yield running


@pytest.fixture
def run(site, tmp_path):
    """Harvests `archive` into tmp_path / name, without pauses."""

    def act(archive, name, after=None, **order):
        order = {"query": "grp:birds", "key": KEY, "site": site.url} | order
        if archive != "xeno_canto":
            order = order | {"key": ""}
        out = tmp_path / name
        diff = harvest(Order(archive, **order), out, after and tmp_path / after, pause_s=0, without_failed=False)
        return out, diff

    return act


def read(archive, out):
    row = dump_row(archive, "LicenseRef-WHOI-Public" if archive == "watkins" else "")
    adapter(archive).inspect(str(out), row)
    return {record.source_id: record for record in adapter(archive).read(str(out), row)}


def sounds(records):
    return sorted(name for name, record in records.items() if record.audio and not record.problem)


def test_every_harvester_is_an_archives_and_says_what_its_archive_asks():
    assert set(HARVESTERS) <= set(ARCHIVES)
    for name in HARVESTERS:
        module = harvester(name)
        assert module.TERMS.endswith(".") and module.MANNERS.pause_s >= 1
    with pytest.raises(ValueError, match=r"'folder' cannot be harvested\. These can: animal_sound_archive"):
        harvester("folder")


def test_xeno_canto_comes_page_by_page_as_the_adapter_reads_it(site, run):
    archive = XenoCanto(site, [1, 2, 3, 4, 5, 6, 7])
    archive.withheld, archive.withdrawn = {3}, {4}
    out, diff = run("xeno_canto", "xc-1", since="2026-01-01")
    records = read("xeno_canto", out)
    assert sounds(records) == ["XC1", "XC2", "XC5", "XC6", "XC7"]
    assert records["XC3"].problem == "withheld" and not records["XC4"].audio
    assert (diff.refused, len(diff.added)) == (["XC4"], 7)
    assert all(query["query"] == "grp:birds since:2026-01-01" for path, query, _ in site.asked if "api" in path)
    assert len([path for path in site.paths() if "download" in path]) == 6, "each sound once, though its id came twice"


@pytest.mark.parametrize("fault", ["throttle", "busy", "drop", "truncate", "page", "empty"])
def test_a_bad_day_of_the_archive_changes_no_byte_of_the_dump(site, run, fault):
    XenoCanto(site, [1, 2, 3, 4])
    good, _ = run("xeno_canto", "xc-1")
    site.retry_after = "0"
    for path in ("/api/3/recordings", "/1/download", "/3/download"):
        site.faults[path] = [fault, fault]
    bad, _ = run("xeno_canto", "xc-2")
    assert digest(str(bad)) == digest(str(good))


def test_nothing_new_is_an_empty_diff_and_no_dump(site, run):
    XenoCanto(site, [1, 2, 3, 4])
    run("xeno_canto", "xc-1")
    site.asked.clear()
    out, diff = run("xeno_canto", "xc-2", after="xc-1")
    assert not diff and not out.exists() and not list(out.parent.glob(".*"))
    assert set(site.paths()) == {"/api/3/recordings"}, "no sound is downloaded twice"


def test_the_next_harvest_takes_what_is_new_and_tells_what_changed_or_went(site, run):
    archive = XenoCanto(site, [1, 2, 3, 4])
    run("xeno_canto", "xc-1")
    archive.ids, archive.names = [1, 2, 4, 5, 6], {2: "pilaris"}
    site.asked.clear()
    out, diff = run("xeno_canto", "xc-2", after="xc-1")
    assert (diff.added, diff.changed, diff.gone) == (["XC5", "XC6"], ["XC2"], ["XC3"])
    assert list(read("xeno_canto", out)) == ["XC5", "XC6"]
    assert [path for path in site.paths() if "download" in path] == ["/5/download", "/6/download"]
    archive.ids = [1, 2, 4, 5, 6, 7]
    _, third = run("xeno_canto", "xc-3", after="xc-2")
    assert third.added == ["XC7"], "the journal knows the dumps before the last one too"


def test_a_sound_that_was_withheld_comes_when_the_archive_gives_it(site, run):
    archive = XenoCanto(site, [1, 2, 3])
    archive.withheld = {2, 3}
    run("xeno_canto", "xc-1")
    archive.withheld = {3}
    out, diff = run("xeno_canto", "xc-2", after="xc-1")
    assert (diff.added, diff.changed) == (["XC2"], []) and sounds(read("xeno_canto", out)) == ["XC2"]
    assert not run("xeno_canto", "xc-3", after="xc-2")[1]


def test_pages_are_asked_for_anew_though_their_host_knows_etags(site, run):
    archive = XenoCanto(site, [1, 2])
    page = archive.page
    site.routes["/api/3/recordings"] = lambda query: replace(page(query), headers={"ETag": '"same"'})
    run("xeno_canto", "xc-1")
    _, diff = run("xeno_canto", "xc-2", after="xc-1")
    assert not diff, "the former dump's pages may hold only what was new then, and cannot be taken for these"


def test_a_sample_is_read_as_a_whole_dump(site, run):
    XenoCanto(site, list(range(1, 20)), on_a_page=50)
    out, _ = run("xeno_canto", "xc-1", limit=5)
    assert sounds(read("xeno_canto", out)) == ["XC1", "XC2", "XC3", "XC4", "XC5"]


def test_a_sound_that_never_comes_whole_holds_the_dump_back_until_it_is_left_out(site, run, tmp_path):
    XenoCanto(site, [1, 2, 3])
    site.faults["/2/download"] = ["truncate"] * 6
    with pytest.raises(HarvestError, match=r"1 of 3 sounds did not come whole \(XC2: .*--without-failed"):
        run("xeno_canto", "xc-1")
    assert not (tmp_path / "xc-1").exists()
    site.asked.clear()
    out, diff = run("xeno_canto", "xc-1")  # the same order again: only what is missing is asked for
    assert site.paths() == ["/2/download"] and not diff.failed
    assert sounds(read("xeno_canto", out)) == ["XC1", "XC2", "XC3"]


def test_another_order_does_not_go_on_with_a_dump_that_was_begun(site, run):
    XenoCanto(site, [1, 2])
    site.always = "drop"
    with pytest.raises(HarvestError):
        run("xeno_canto", "xc-1")
    with pytest.raises(ValueError, match="was begun with another order"):
        run("xeno_canto", "xc-1", query="grp:frogs")


def test_a_dump_that_stands_is_never_written_into(site, run):
    XenoCanto(site, [1])
    run("xeno_canto", "xc-1")
    with pytest.raises(ValueError, match="a dump is immutable: give the new one a name, and --after"):
        run("xeno_canto", "xc-1")


def test_a_host_that_refuses_every_sound_is_not_asked_for_thousands(site, run):
    archive = XenoCanto(site, list(range(1, 60)), on_a_page=500)
    archive.sound = lambda number: Reply(b"no", 403)
    with pytest.raises(HarvestError, match="8 sounds in a row were not to be had"):
        run("xeno_canto", "xc-1")


def test_a_page_that_comes_for_ever_ends_the_harvest(site, run):
    archive = XenoCanto(site, list(range(1, 10)))
    page = archive.page
    site.routes["/api/3/recordings"] = lambda query: page({**query, "page": "1"})
    with pytest.raises(HarvestError, match="page 2 of 3 brings nothing that was not on those before"):
        run("xeno_canto", "xc-1")
    site.routes["/api/3/recordings"] = page
    out, _ = run("xeno_canto", "xc-1")
    assert len(sounds(read("xeno_canto", out))) == 9


def test_a_password_and_a_token_in_an_archives_address_are_not_written_down(site, run, tmp_path, caplog):
    GbifDownload(site, tmp_path, [1])
    caplog.set_level(0)
    address = site.url.replace("://", "://someone:pa55word@") + "/request/1.zip?token=t0psecret"
    out, _ = run("darwin_core", "gbif-1", query=address)
    assert site.asked[0][1] == {"token": "t0psecret"} and "Authorization" in site.asked[0][2]
    written = (out / JOURNAL).read_text() + caplog.text
    assert "pa55word" not in written and "t0psecret" not in written and "request/1.zip" in written


def test_a_sound_for_which_the_site_wants_the_key_gets_it_on_that_site_alone(site, run):
    archive = XenoCanto(site, [1])
    plain = archive.sound
    site.routes["/1/download"] = lambda query: plain(1) if query.get("key") == KEY else archive.page({})
    out, _ = run("xeno_canto", "xc-1")
    assert sounds(read("xeno_canto", out)) == ["XC1"] and KEY not in (out / JOURNAL).read_text()


def test_a_wrong_query_is_told_in_the_archives_words_whatever_their_shape(site, run):
    XenoCanto(site, [1])
    with pytest.raises(HarvestError, match=r"HTTP 400 \(Free text is refused"):
        run("xeno_canto", "xc-1", query="blackbird")
    with pytest.raises(HarvestError, match=r"HTTP 401 \(Missing or invalid 'key'"):
        run("xeno_canto", "xc-2", key="another")
    with pytest.raises(ValueError, match="set XENO_CANTO_KEY in the environment"):
        run("xeno_canto", "xc-3", key="")


def test_the_animal_sound_archive_ends_though_its_last_page_comes_for_ever(site, run):
    archive = AnimalSoundArchive(site, [1, 2, 3, 4, 5])
    archive.without = {2}
    out, _ = run("animal_sound_archive", "tsa-1", query="")
    records = read("animal_sound_archive", out)
    assert sounds(records) == [f"TSA:Crex_crex_00{one}" for one in (1, 3, 4, 5)]
    assert records["TSA:Crex_crex_002"].problem == "no_sound"
    assert site.paths().count("/search/query.json") == 4
    archive.ids = [1, 2, 3, 4, 5, 6]
    out, diff = run("animal_sound_archive", "tsa-2", after="tsa-1", query="")
    assert diff.added == ["TSA:Crex_crex_006"] and list(read("animal_sound_archive", out)) == diff.added


def test_inaturalist_goes_by_rising_ids_and_a_shared_sound_comes_once(site, run):
    archive = INaturalist(site, [1, 2, 3, 4, 5, 6])
    out, _ = run("inaturalist", "inat-1", query="taxon_id=47651")
    records = read("inaturalist", out)
    assert sounds(records) == [f"sound-{one}" for one in (1001, 1002, 1003, 1005, 1103)]
    assert records["sound-1006"].problem == "withheld"
    assert records["sound-1103"].fields["url"] == "https://www.inaturalist.org/sounds/1103"
    assert (out / "sounds/1001.m4a").is_file() and (out / "sounds/1002.wav").is_file()
    assert records["sound-1005"].fields["locality_coarse"] == "", "a hidden place is not told by its name"
    assert [query["id_above"] for path, query, _ in site.asked if "v2" in path] == ["0", "2", "4", "6"]
    assert site.paths().count("/sounds/1103.m4a") == 1
    archive.ids += [7]
    out, diff = run("inaturalist", "inat-2", after="inat-1", query="taxon_id=47651")
    assert diff.added == ["1007"] and list(read("inaturalist", out)) == ["sound-1007"]


def test_inaturalist_is_asked_for_what_changed_since_a_date(site, run):
    INaturalist(site, [1])
    run("inaturalist", "inat-1", query="taxon_id=3&place_id=7207", since="2026-10-01")
    query = site.asked[0][1]
    assert (query["updated_since"], query["taxon_id"], query["place_id"]) == ("2026-10-01", "3", "7207")
    assert (query["sounds"], query["order_by"], query["order"], query["locale"]) == ("true", "id", "asc", "en")


def test_inaturalist_repeating_a_page_for_ever_is_noticed(site, run):
    INaturalist(site, [1, 2, 3]).stuck = True
    out, _ = run("inaturalist", "inat-1", query="")
    assert sounds(read("inaturalist", out)) == ["sound-1001", "sound-1002"]


def test_watkins_is_followed_from_species_to_years_to_cuts_and_no_further(site, run):
    archive = Watkins(site, {"BD12A": ["62031001", "850430B6"], "AA1A": ["0201100A"]})
    place = f"{site.url}{archive.FOLDER}/"
    out, _ = run("watkins", "watkins-1", query="", site=place)
    records = read("watkins", out)
    assert sounds(records) == ["0201100A", "62031001", "850430B6"]
    assert records["62031001"].fields["common_name"] == "Beluga BD12A"
    archive.cuts["AA1A"].append("62031002")
    archive.add("62031002")
    site.asked.clear()
    out, diff = run("watkins", "watkins-2", after="watkins-1", query="", site=place)
    assert diff.added == ["62031002"] == list(read("watkins", out))
    assert [query["RN"] for path, query, _ in site.asked if "metaData" in path] == ["62031002"]


def test_a_darwin_core_archive_comes_with_its_media_and_only_when_it_changed(site, run, tmp_path):
    archive = GbifDownload(site, tmp_path, [1, 2, 3])
    address = f"{site.url}/request/1.zip"
    out, _ = run("darwin_core", "gbif-1", query=address)
    assert len(sounds(read("darwin_core", out))) == 3
    site.asked.clear()
    again, diff = run("darwin_core", "gbif-2", after="gbif-1", query=address)
    assert not diff and not again.exists() and site.paths() == ["/request/1.zip"]
    archive.publish([1, 2, 3, 4])
    site.asked.clear()
    newer, diff = run("darwin_core", "gbif-3", after="gbif-1", query=address)
    assert len(diff.added) == 1 and len(sounds(read("darwin_core", newer))) == 4, "a snapshot is whole"
    assert site.paths() == ["/request/1.zip", "/media/Sound%204.WAV"]


def test_the_archives_darwin_core_archives_come_with_their_sounds_under_the_names_their_adapters_know(
    site, run, tmp_path
):
    address = f"{site.url}/request/1.zip"
    GbifDownload(site, tmp_path, [5, 6], lambda one: {"path": f"/sounds/uploaded/AAAA/XC{one}-song.mp3"})
    out, _ = run("xeno_canto", "xc-1", query=address, key="")
    assert sounds(read("xeno_canto", out)) == ["XC5", "XC6"] and (out / "audio/XC5.mp3").is_file()
    GbifDownload(site, tmp_path, [7, 8], lambda one: {"path": f"/sounds/{one}00.m4a", "catalogNumber": f"90{one}"})
    out, _ = run("inaturalist", "inat-1", query=address)
    assert sounds(read("inaturalist", out)) == ["sound-907", "sound-908"] and (out / "sounds/907.m4a").is_file()


def test_what_was_harvested_twice_is_ingested_to_the_same_bytes(site, run, params, tmp_path):
    XenoCanto(site, [1, 2, 3, 4]).withdrawn = {3}
    found = []
    for name in ("xc-1", "xc-2"):
        out, _ = run("xeno_canto", name)
        row = dump_row("xeno_canto")
        found.append(
            ingest("d", row, params.ingest, str(out), tmp_path / "m", tmp_path / "s" / "d", Machine(workers=1))
        )
    assert found[0] == found[1] and (found[0]["recordings"], found[0]["rejected"]) == (3, 1)
    assert [one.reason for one in rows(tmp_path / "m/rejected.parquet", Rejected)] == ["audio_missing"]


def test_recordings_that_went_while_paging_are_told(site, tmp_path):
    archive = XenoCanto(site, [1, 2, 3, 4, 5])
    page, lines = archive.page, []

    def shrinking(query):
        archive.ids = archive.ids if query["page"] == "1" else [1, 4, 5, 6]
        return page(query)

    site.routes["/api/3/recordings"] = shrinking
    order = Order("xeno_canto", query="grp:birds", key=KEY, site=site.url)
    harvest(order, tmp_path / "xc-1", pause_s=0, say=lines.append)
    assert lines == ["Xeno-canto counts 4 recordings, its pages held 5: some came or went meanwhile."]


def test_the_journal_names_every_sound_with_its_hash(site, run):
    XenoCanto(site, [1, 2])
    out, _ = run("xeno_canto", "xc-1")
    lines = [json.loads(line) for line in (out / JOURNAL).read_text().splitlines()]
    files = {line["item"]: line for line in lines if "file" in line}
    for line in files.values():
        assert digest(str(out / line["file"])) and (out / line["file"]).stat().st_size == line["bytes"]
    assert set(files) == {"XC1", "XC2"} and lines[0]["order"]["query"] == "grp:birds"
