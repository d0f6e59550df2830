"""Section ``<lane>.split.roles_from``: roles that are given instead of drawn."""

from typing import Annotated, Literal

from pydantic import Field

from dejavu.params.base import Section
from dejavu.params.external_files import File, PositionFiles
from dejavu.roles import Role

Folders = dict[str, Role]  # folder of the corpus, e.g. val: control


class FolderRoles(Section):
    """All samples below a folder get one role; the roles of all others are drawn."""

    source: Literal["folders"]
    folders: Annotated[Folders, Field(min_length=1)]


class TableRoles(Section):
    """A table states the role of every sample; what it does not list is unused."""

    source: Literal["table"]
    path: (
        File  # .csv, .tsv or .parquet with columns sample_name, role; relative to machine.data_root
    )


class PartitionRoles(Section):
    """Files of positions, as the authors published their split; what no file lists is unused."""

    source: Literal["partitions"]
    folder: PositionFiles  # with one .npy of integers per partition, relative to machine.data_root
    partitions: Annotated[Folders, Field(min_length=1)]  # file without .npy: role
    folders: Folders  # all samples below these folders get this role; {}: none


GivenRoles = Annotated[FolderRoles | TableRoles | PartitionRoles, Field(discriminator="source")]
