"""Everything that a report tells, before it is written."""

import dataclasses

from dejavu.report.calibration import Calibration
from dejavu.report.caption.records import CaptionResults
from dejavu.report.caption.table_records import CaptionTables
from dejavu.report.caveats import Caveats
from dejavu.report.dropped import Dropped
from dejavu.report.image.exchangeability import Exchangeability
from dejavu.report.image.records import ImageResults
from dejavu.report.image.table_records import ImageTables


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured; a lane that was not run is empty."""

    images: ImageResults
    captions: CaptionResults
    image_tables: ImageTables | None  # None: the lane was not run
    caption_tables: CaptionTables | None  # None: the lane was not run
    exchangeability: Exchangeability  # of the image lane's roles
    dropped: Dropped
    calibration: Calibration
    caveats: Caveats
