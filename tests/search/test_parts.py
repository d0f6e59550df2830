import pyarrow as pa
import pytest

from dejavu.errors import ArtifactError
from dejavu.search.stored_vectors import Parts
from dejavu.tables import parquet
from dejavu.tables.schemas import UNANNOTATED

SIZES = [3, 0, 5, 1, 0, 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made, first = tmp_path_factory.mktemp("parts"), 0
    for number, size in enumerate(SIZES):
        rows = {"sample_id": range(first, first + size), "role": ["public"] * size}
        table = pa.table(rows, schema=UNANNOTATED.schema)
        UNANNOTATED.write(table, made / f"part-{number:05d}.parquet", inputs={})
        first += size
    return made


@pytest.mark.parametrize("start", range(15))
@pytest.mark.parametrize("n", [0, 1, 3, 6, 100])
def test_rows_are_those_of_the_folder(folder, start, n):
    found = Parts(UNANNOTATED, folder).rows(start, n)
    assert found.equals(UNANNOTATED.rows(folder, start, n))
    assert found["sample_id"].to_pylist() == list(range(13))[start : start + n]


def test_one_file_is_a_folder_of_one(folder):
    file = folder / "part-00002.parquet"
    assert Parts(UNANNOTATED, file).rows(1, 2).equals(UNANNOTATED.rows(file, 1, 2))


def test_only_the_parts_that_hold_the_rows_are_opened(folder, monkeypatch):
    parts = Parts(UNANNOTATED, folder)
    opened = []

    def counted(path, *arguments, open_file=parquet.pq.ParquetFile, **options):
        opened.append(path.name)
        return open_file(path, *arguments, **options)

    monkeypatch.setattr(parquet.pq, "ParquetFile", counted)
    assert parts.rows(8, 2)["sample_id"].to_pylist() == [8, 9]
    assert opened == ["part-00003.parquet", "part-00004.parquet", "part-00005.parquet"]


def test_a_folder_without_parts_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="to build it"):
        Parts(UNANNOTATED, tmp_path)
