"""Keys of params.yaml that older versions called otherwise: an error names the new one."""

from typing import Final

RENAMED: Final = {"picture_px": "image_px", "caption_headline": "headline.caption"}
