"""Objects of attacked samples must be shown by public images, or no caption can bring them back.

The caption lane's counterpart of `dejavu.splits.label_bank`: where objects are spelled differently from
role to role, every guess about the one role is wrong. A sample of which not one object is shown by any public
image is scored 0 whatever the model knows.
"""

import json
from typing import Any

import duckdb

from dejavu.corpora.plausibility import RULES
from dejavu.errors import DataError
from dejavu.roles import ATTACKED, PUBLIC

LIMIT = "labels_without_bank"
WHAT = "attacked samples show only objects that no public image shows"
_SHOWN = 5
_ATTACKED = ", ".join(f"'{role}'" for role in ATTACKED)
_COUNTED = f"""
WITH bank AS (
    SELECT DISTINCT object FROM shown SEMI JOIN (FROM wanted WHERE role = '{PUBLIC}') USING (sample_id)
), asked AS (
    SELECT DISTINCT sample_id, sample_name, object FROM shown JOIN wanted USING (sample_id)
    WHERE role IN ({_ATTACKED})
), counted AS (
    SELECT sample_id, sample_name, count(*) AS n, count(bank.object) AS n_known,
        min(asked.object) FILTER (bank.object IS NULL) AS example
    FROM asked LEFT JOIN bank USING (object) GROUP BY ALL
)
"""  # noqa: S608  # names of roles


def judge(database: duckdb.DuckDBPyConnection, limit: float) -> tuple[str, dict[str, str]]:
    """Refuse annotations of which attacked samples show nothing that the bank knows.

    Where no sample is public nothing is asked: nobody can be attacked.

    Args:
        database: has the views `wanted` (sample_id, sample_name, role) and `shown` (sample_id, object).
        limit: ``limits.labels_without_bank``.

    Returns:
        What was counted, in words, and the note for the table where a limit raised on purpose is crossed.

    Raises:
        DataError: more than `limit` of the attacked samples that show anything do; the message names the
            first and their objects.
    """
    n_public, n, n_none, n_some = _row(
        database,
        f"SELECT (SELECT count(*) FROM wanted WHERE role = '{PUBLIC}'), count(*), "  # noqa: S608  # a role
        "count(*) FILTER (n_known = 0), count(*) FILTER (n_known < n) FROM counted",
    )
    if not n_public or not n:
        return "no public sample, or no attacked one shows an object", {}
    if n_none > limit * n:
        first = database.sql(
            f"{_COUNTED} SELECT sample_name, example FROM counted WHERE n_known = 0 "  # noqa: S608  # as above
            f"ORDER BY sample_id LIMIT {_SHOWN}"
        ).fetchall()
        raise DataError(
            f"{n_none} of {n} {WHAT} ({n_none / n:.1%}), expected at most limits.{LIMIT} = {limit:.1%}.\n"
            f"  the first: {', '.join(f'{name} ({example})' for name, example in first)}\n"
            "  Such samples are scored 0 whatever a model knows. Are objects spelled alike in all roles "
            "(upper and lower case count), and were all roles annotated with one vocabulary? Annotate public "
            "images that show them, leave these samples out, or raise the limit; the report then says so."
        )
    told = f"{n_none} of {n} {WHAT}; {n_some} show at least one such object"
    return told, {LIMIT: json.dumps([n_none, n])} if n_none > RULES[LIMIT].default * n else {}


def _row(database: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return database.sql(_COUNTED + query).fetchall()[0]
