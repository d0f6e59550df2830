"""Parquet tables that pass between stages: schema, key order, safe writing, and provenance.

A table file carries in its metadata the table's name and version and the fingerprints of what it was
made from (``split``, ``crops``, ``weights``, …). Readers that join tables call `require_common_origin`
first, so that a table of one run is never scored against a table of another.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from dejavu.errors import ArtifactError
from dejavu.tables import damage

ROWS_PER_GROUP = 65_536
Notes = Mapping[str, Mapping[str, str]]  # by topic
_META_TABLE = b"dejavu.table"
_META_VERSION = b"dejavu.version"
_META_INPUTS = b"dejavu.inputs"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The contract of one artifact: its columns, the key that orders its rows, its version."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    version: int = 1
    rows_per_group: int = ROWS_PER_GROUP

    def write(
        self, rows: pa.Table, path: Path, *, inputs: Mapping[str, str], notes: Notes | None = None
    ) -> None:
        """Write `rows` in key order to one file, all of them or none.

        The bytes depend on the rows and `inputs` alone: one row order, one chunk, sorted metadata.

        Args:
            rows: columns of `schema`, in any row order.
            path: the Parquet file to make; its folder is created.
            inputs: fingerprint of each thing the rows were computed from.
            notes: what else to keep in the metadata, by topic; topics without entries are left out.

        Raises:
            ArtifactError: a column differs from the schema, or two rows share a key.
        """
        rows = self._unrepeated(self._fitting(rows, path), path)
        rows = rows.sort_by([(column, "ascending") for column in self.key])
        metadata = self._metadata(inputs, notes)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(path.name + ".part")
        pq.write_table(
            rows.combine_chunks().replace_schema_metadata(metadata),
            scratch,
            compression="zstd",
            row_group_size=self.rows_per_group,
        )
        scratch.replace(path)

    def write_stream(
        self,
        parts: Iterable[pa.Table],
        path: Path,
        *,
        inputs: Mapping[str, str],
        notes: Notes | None = None,
    ) -> int:
        """Write rows that arrive in key order to one file, holding one row group at a time.

        How the rows are cut into `parts` does not change the bytes. The caller answers for order
        and uniqueness of the key; columns are checked as in `write`.

        Returns:
            The number of rows written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(path.name + ".part")
        schema = self.schema.with_metadata(self._metadata(inputs, notes))
        pending, n_rows = self.schema.empty_table(), 0
        with pq.ParquetWriter(scratch, schema, compression="zstd") as writer:
            for rows in parts:
                n_rows += rows.num_rows
                pending = pa.concat_tables([pending, self._fitting(rows, path)])
                while pending.num_rows >= self.rows_per_group:
                    group = pending.slice(0, self.rows_per_group).combine_chunks()
                    writer.write_table(group.replace_schema_metadata(schema.metadata))
                    pending = pending.slice(self.rows_per_group)
            if pending.num_rows or not n_rows:
                writer.write_table(
                    pending.combine_chunks().replace_schema_metadata(schema.metadata)
                )
        scratch.replace(path)
        return n_rows

    def read(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Read a file, or a folder of ``*.parquet`` parts in name order, refusing any other table."""
        parts = []
        for file in _files(path, self.name):
            with damage.named(file):
                self._check_schema(pq.read_schema(file), file)
                parts.append(pq.read_table(file, columns=columns))
        return pa.concat_tables(parts)

    def batches(
        self, path: Path, *, batch_rows: int, columns: list[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Stream a file or a folder of parts in order, `batch_rows` rows at a time."""
        for file in _files(path, self.name):
            with damage.named(file), pq.ParquetFile(file) as parquet:
                self._check_schema(parquet.schema_arrow, file)
                yield from parquet.iter_batches(batch_size=batch_rows, columns=columns)

    def count(self, path: Path) -> int:
        """Return how many rows a file or a folder of parts holds."""
        n_rows = 0
        for file in _files(path, self.name):
            with damage.named(file):
                n_rows += pq.read_metadata(file).num_rows
        return n_rows

    def rows(self, path: Path, start: int, n: int) -> pa.Table:
        """Read up to `n` rows of a file or a folder of parts, after the first `start`.

        Only the row groups that hold them are read.
        """
        parts, first = [], 0
        for file in _files(path, self.name):
            with damage.named(file), pq.ParquetFile(file) as parquet:
                self._check_schema(parquet.schema_arrow, file)
                for group in range(parquet.num_row_groups):
                    size = parquet.metadata.row_group(group).num_rows
                    low, high = max(start - first, 0), min(start + n - first, size)
                    if low < high:
                        parts.append(parquet.read_row_group(group).slice(low, high - low))
                    first += size
        return pa.concat_tables(parts) if parts else self.schema.empty_table()

    def _metadata(
        self, inputs: Mapping[str, str], notes: Notes | None = None
    ) -> dict[bytes, bytes]:
        kept = {
            f"dejavu.{topic}".encode(): json.dumps(dict(entries), sort_keys=True).encode()
            for topic, entries in (notes or {}).items()
            if entries
        }
        return kept | {
            _META_INPUTS: json.dumps(dict(inputs), sort_keys=True).encode(),
            _META_TABLE: self.name.encode(),
            _META_VERSION: str(self.version).encode(),
        }

    def require_version(self, found: pa.Schema, path: Path) -> None:
        """Refuse another table, or an older version of this one; name the columns that it lacks.

        Args:
            found: the schema of a Parquet file; one that states neither name nor version passes.
            path: the file, for the message.
        """
        metadata = found.metadata or {}
        version = metadata.get(_META_VERSION, b"").decode()
        if metadata.get(_META_TABLE, self.name.encode()).decode() != self.name or (
            version and version != str(self.version)
        ):
            missing = [name for name in self.schema.names if name not in found.names]
            lacks = f" without the columns {', '.join(missing)}" if missing else ""
            raise ArtifactError(
                f"{path}: expected a {self.name!r} table of version {self.version}, found "
                f"{metadata.get(_META_TABLE, b'?').decode()!r} of version {version or '?'}{lacks}. "
                "Run `dvc repro` to build it anew."
            )

    def _check_schema(self, found: pa.Schema, path: Path) -> None:
        self.require_version(found, path)
        if not _compatible(found, self.schema):
            raise ArtifactError(
                f"{path}: not a {self.name!r} table.\n"
                f"  expected {_brief(self.schema)}\n  found    {_brief(found)}"
            )

    def _fitting(self, rows: pa.Table, path: Path) -> pa.Table:
        if not _compatible(rows.schema, self.schema):
            raise ArtifactError(
                f"{path}: the rows do not fit table {self.name!r}.\n"
                f"  expected {_brief(self.schema)}\n  found    {_brief(rows.schema)}"
            )
        for field in self.schema:
            if not field.nullable and rows[field.name].null_count:
                raise ArtifactError(
                    f"{path}: column {field.name!r} of table {self.name!r} has "
                    f"{rows[field.name].null_count} empty values, expected none."
                )
        return rows

    def _unrepeated(self, rows: pa.Table, path: Path) -> pa.Table:
        repeated = rows.num_rows - rows.group_by(list(self.key)).aggregate([]).num_rows
        if repeated:
            raise ArtifactError(f"{path}: {repeated} rows repeat key {self.key} of {self.name!r}.")
        return rows


def inputs_of(path: Path) -> dict[str, str]:
    """Return the fingerprints recorded in a table file (or in the first part of a folder)."""
    file = _files(path, "artifact")[0]
    with damage.named(file):
        metadata = pq.read_schema(file).metadata or {}
    try:
        return dict(json.loads(metadata.get(_META_INPUTS, b"{}")))
    except (ValueError, TypeError):
        raise ArtifactError(f"{file}: a damaged table: its metadata. {damage.OURS}") from None


def fingerprint(path: Path) -> str:
    """Return 16 hex digits that name the content of a file, or of a folder's files and names."""
    digest = hashlib.sha256()
    if not path.exists():
        raise ArtifactError(f"{path}: not there. Run `dvc repro` to build it.")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


def require_common_origin(paths: list[Path], *names: str) -> dict[str, str]:
    """Check that all tables that record one of `names` record the same fingerprint for it.

    Returns:
        The shared fingerprint of each name that at least one table records.

    Raises:
        ArtifactError: two tables come from different splits, crops, … and must not be joined.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for path in paths:
        recorded = inputs_of(path)
        for name in names:
            if name not in recorded:
                continue
            first, first_path = seen.setdefault(name, (recorded[name], path))
            if first != recorded[name]:
                raise ArtifactError(
                    f"{path} was made from {name} {recorded[name]}, but {first_path} from {name} "
                    f"{first}: they do not belong together. Run `dvc repro` to rebuild both."
                )
    return {name: value for name, (value, _) in seen.items()}


def is_empty(path: Path) -> bool:
    """Return whether a table has no rows, as every table of a lane whose corpus is ``none``."""
    with damage.named(path):
        return int(open_dataset(path).count_rows()) == 0


def open_dataset(path: Path) -> pads.Dataset:
    """Open a file or folder of parts as an Arrow dataset, for scans with filters."""
    return pads.dataset([str(file) for file in _files(path, "artifact")], format="parquet")


def _files(path: Path, what: str) -> list[Path]:
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        raise ArtifactError(f"{path}: no {what!r} table here. Run `dvc repro` to build it.")
    return files


def _compatible(found: pa.Schema, expected: pa.Schema) -> bool:
    """Compare names and types; a vector column of any length fits `list<float>` declared as such."""
    if found.names != expected.names:
        return False
    return all(_same_type(found.field(f.name).type, f.type) for f in expected)


def _same_type(found: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(found) and pa.types.is_list(expected):
        return bool(found.value_type == expected.value_type)
    return bool(found.equals(expected))


def _brief(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
