"""The selection: what comes into an export with what was asked for, and that nothing in it refers to what is not there."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stashport.errors import BadRequest
from stashport.model.fields import BY_NAME, KINDS
from stashport.model.records import IdSet, reference_fields, references
from stashport.output.selection import RELATED, select
from support.records import ListReader, read, run_export, sample

KIND_NAMES = [kind.name for kind in KINDS if kind.table]


@st.composite
def graphs(draw):
    """A library whose records refer to one another at random; every reference leads somewhere."""
    numbers = {name: draw(st.integers(0, 3)) for name in KIND_NAMES}

    def some(kind, least=0):
        known = [f"{kind}:{n}" for n in range(1, numbers[kind] + 1)]
        return draw(st.lists(st.sampled_from(known), unique=True, min_size=least, max_size=3)) if known else []

    def value(field):
        if field.type == "ref":
            return draw(st.sampled_from([None, *some(field.to)]))
        if field.type == "refs":
            return some(field.to)
        rows = []
        for _ in range(draw(st.integers(0, 2))):
            row = {inner.name: value(inner) if inner.to else None for inner in field.fields}
            if not field.about or row[field.about]:
                rows.append(row)
        return rows

    library = {}
    for name in KIND_NAMES:
        fields = tuple(reference_fields(BY_NAME[name].fields))
        library[name] = (fields, [{"id": f"{name}:{n}", **{f.name: value(f) for f in fields}} for n in range(1, numbers[name] + 1)])
    return ListReader(library)


def exported(reader, selection):
    """The records of a selection, trimmed, by id."""
    found = {}
    for kind in selection.kinds:
        trim = selection.trim(kind)
        for batch in reader.batches(kind, selection.fields[kind.name], selection.ids[kind.name]):
            found.update({record["id"]: record for record in trim(batch).records})
    return found


def targets(record, fields):
    """The ids that a record refers to."""
    return {identity for _, identity in references(record, reference_fields(fields))}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(reader=graphs(), data=st.data())
def test_no_export_refers_to_what_is_not_in_it(reader, data):
    """Whatever is asked for, of whichever kinds and ids: nothing dangles, `all` is closed and loses nothing, `direct` is one step, `none` adds nothing."""
    related = data.draw(st.sampled_from(RELATED))
    names = data.draw(st.sets(st.sampled_from(KIND_NAMES), min_size=1, max_size=3))
    asked = [BY_NAME[name] for name in KIND_NAMES if name in names]
    reachable = frozenset(data.draw(st.sets(st.sampled_from(KIND_NAMES))) | {kind.name for kind in asked})
    base = {}
    for kind in asked:
        if data.draw(st.booleans()):
            base[kind.name] = IdSet()
            base[kind.name].add_all(data.draw(st.sets(st.integers(1, 3))))
    fields = {kind.name: reader.fields(kind) for kind in reader.kinds()}
    everything = {r["id"]: r for name in KIND_NAMES for r in reader.library[name][1]}
    wanted = {i for i in everything for kind in asked if i.startswith(f"{kind.name}:") and (kind.name not in base or int(i.split(":")[1]) in base[kind.name])}
    found = exported(reader, selection := select(reader, asked, fields, related, reachable=reachable, base=base))

    def step(ids):
        reached = {to for i in ids for to in targets(everything[i], fields[i.split(":")[0]])}
        return ids | {to for to in reached if to.split(":")[0] in reachable}

    expected = wanted if related == "none" else step(wanted)
    while related == "all" and (more := step(expected)) != expected:
        expected = more
    assert set(found) == expected
    for identity, record in found.items():
        kept = targets(record, selection.fields[identity.split(":")[0]])
        assert kept <= set(found), identity
        before = targets(everything[identity], fields[identity.split(":")[0]])
        assert before & set(found) == kept


def test_direct_is_one_step_and_all_is_every_step():
    """A scene's tags come with `direct`, their parents only with `all`; a reference that leads out is cut, in rows too."""
    reader = sample()
    fields = {kind.name: reader.fields(kind) for kind in reader.kinds()}
    only = IdSet()
    only.add(2)
    reachable = frozenset(fields)
    one = exported(reader, select(reader, [BY_NAME["scene"]], fields, "direct", reachable=reachable, base={"scene": only}))
    assert sorted(one) == ["file:3", "scene:2", "tag:3"]
    assert one["tag:3"]["parents"] == []
    everything = exported(reader, select(reader, [BY_NAME["scene"]], fields, "all", reachable=reachable, base={"scene": only}))
    assert sorted(everything) == ["file:3", "folder:1", "folder:2", "scene:2", "tag:1", "tag:2", "tag:3"]
    assert everything["tag:3"]["parents"] == ["tag:1", "tag:2"]


def test_the_caller_s_ids_stay_as_they_are():
    """What comes along is added to the selection, and not to the sets that were handed in, empty ones included."""
    reader = sample()
    fields = {kind.name: reader.fields(kind) for kind in reader.kinds()}
    base = {"tag": IdSet(), "scene": IdSet()}
    base["scene"].add(2)
    selection = select(reader, [BY_NAME["tag"], BY_NAME["scene"]], fields, "all", reachable=frozenset(fields), base=base)
    assert {name: list(numbers) for name, numbers in base.items()} == {"tag": [], "scene": [2]}
    assert list(selection.ids["tag"]) == [1, 2, 3]


def test_fields_whose_records_stay_out_are_named():
    """With `none` a field that refers to another kind is left out, and the header says why; rows that are nothing without it go with it."""
    reader = sample()
    fields = {kind.name: reader.fields(kind) for kind in reader.kinds()}
    selection = select(reader, [BY_NAME["scene"]], fields, "none", reachable=frozenset())
    names = {f.name for f in selection.fields["scene"]}
    assert not names & {"studio", "tags", "performers", "files", "galleries", "groups"}
    assert selection.left_out["scene.tags"] == "tags are not exported"
    assert {"title", "scene_markers", "captions"} <= names
    scenes = exported(reader, selection)
    assert [marker["primary_tag"] for marker in scenes["scene:1"]["scene_markers"]] == [None, None]
    assert [marker["tags"] for marker in scenes["scene:1"]["scene_markers"]] == [[], []]


def test_without_files_nothing_speaks_of_them(tmp_path):
    """`includeFiles` off drops files, folders and every reference to them, in what is asked for and in what comes along."""
    for related in RELATED:
        path = tmp_path / related
        run = run_export(sample(), tmp_path / "state", to=path, format="ndjson", kinds=["scenes", "images", "galleries"], related=related, includeFiles=False)
        assert run.result == "ok"
        text = b"\n".join(read(path))
        assert b'"file:' not in text
        assert b'"folder:' not in text
        assert b'"files"' not in text
        assert b'"visual_files"' not in text
    with pytest.raises(BadRequest):
        run_export(sample(), tmp_path / "state", to=tmp_path / "x", kinds=["files"], includeFiles=False)


def test_chosen_fields_are_the_only_ones(tmp_path):
    """A choice of fields holds for its kind alone; the id is always there; a field that refers out is dropped although it was chosen."""
    path = tmp_path / "x.json"
    run_export(sample(), tmp_path / "state", to=path, kinds="scenes,tags", fields={"scene": ["tags", "title", "studio"]})
    document = json.loads(path.read_bytes())
    assert [list(record) for record in document["scenes"]] == [["id", "title", "tags"]] * 3
    assert document["header"]["fields"]["scenes"] == ["title", "tags"]
    assert "scene.studio" in document["header"]["not_inside"]
    assert len(document["header"]["fields"]["tags"]) > 5


def test_related_records_bring_all_their_fields(tmp_path):
    """What comes along with `all` has the fields that were chosen for its kind, else all of them."""
    path = tmp_path / "x.json"
    run_export(sample(), tmp_path / "state", to=path, kinds="scene", related="all", fields={"tags": ["name"]})
    document = json.loads(path.read_bytes())
    assert list(document["tags"][0]) == ["id", "name"]
    assert "birthdate" in document["performers"][0]
