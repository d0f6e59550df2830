"""One script per pipeline stage: flags in, one library call, artifact out."""

import gc
import sys

from dejavu.run import cores

cores.wait_briefly()
if sys.argv[0] == "-m":  # a stage begins to import what it needs, of which nothing is garbage
    gc.disable()  # until `stage.run`
