"""Everything that a report tells, before it is written."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dejavu.report.calibration import Calibration
from dejavu.report.caption.records import CaptionResults
from dejavu.report.caveats import Caveats
from dejavu.report.dropped import Dropped
from dejavu.report.image.exchangeability import Exchangeability
from dejavu.report.image.records import ImageResults


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured; a lane that was not run is empty."""

    images: ImageResults
    captions: CaptionResults
    tables: Mapping[str, list[dict[str, Any]]]  # the rows of every table, by file name
    exchangeability: Exchangeability  # of the image lane's roles
    dropped: Dropped
    calibration: Calibration
    caveats: Caveats
