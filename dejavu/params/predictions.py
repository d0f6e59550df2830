"""Section ``image.predictions``: guesses that were made elsewhere."""

from dejavu.params.base import Section
from dejavu.params.external_files import File
from dejavu.params.names import Name


class PredictionsParams(Section):
    """An entry of ``image.predictions``: a reference whose guesses about the crops come as a table."""

    path: File  # .csv, .tsv, .parquet or .jsonl, relative to machine.data_root


Predictions = dict[Name, PredictionsParams]
