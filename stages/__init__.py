"""One script per pipeline stage: flags in, one library call, artifact out."""

from dejavu.run import cores

cores.wait_briefly()
