"""Reports of small worlds, and texts that try to break out of a page."""

from dejavu.report.make import make

HOSTILE_LABEL = "<script>window.broken = 1</script>"
HOSTILE_CAPTION = '<img src=x onerror="window.broken = 2"> \' & {{ 7 * 7 }} ]]> \u202eright to left'


def report(world, out):
    make(world.data, out, world.image, world.captions)
    return out
