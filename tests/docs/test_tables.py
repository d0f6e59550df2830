"""docs/tables.md says what the schemas say."""

from dejavu.tables import catalog, descriptions, dictionary, schemas
from scripts import describe_tables
from tests.commands.world import write


def test_the_page_is_fresh():
    stale = describe_tables.PAGE.read_text(encoding="utf-8") != describe_tables.page()
    assert not stale, "run `python -m scripts.describe_tables`"


def test_every_column_is_described_and_nothing_else():
    described = {name: list(columns) for name, columns in descriptions.COLUMNS.items()}
    declared = {name: table.schema.names for name, table in schemas.TABLES.items()}
    assert described == declared
    assert set(descriptions.VIEWS) == set(catalog.LAYOUTS)
    structs = {
        column.name for view in dictionary.views() for column in view.columns
        if column.source == "field"
    }  # fmt: skip
    assert structs == {f"{s}.{f}" for s, fields in descriptions.STRUCTS.items() for f in fields}


def test_types_and_path_columns_are_those_of_the_views(tmp_path):
    write(tmp_path)
    known = {view.name: view for view in dictionary.views()}
    with catalog.connect(tmp_path) as opened:
        for view in opened.views():
            columns = {c.name: c.kind for c in known[view.name].columns if c.source != "field"}
            for name, kind in view.columns.items():
                assert columns.pop(name) == (
                    kind
                    if "STRUCT" not in kind
                    else "STRUCT[]"
                    if kind.endswith("[]")
                    else "STRUCT"
                )
            # this small world has no file in some of the layouts, whose columns it lacks then
            assert columns.keys() <= descriptions.PATH_COLUMNS.keys()
