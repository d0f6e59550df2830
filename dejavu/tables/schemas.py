"""Every table of the pipeline: one declaration per table, the unit or meaning beside each column.

These schemas are a contract: SQL views, the data dictionary and other people's queries rely on them.
"""

import functools

import pyarrow as pa

from dejavu.tables.parquet import Table

required = functools.partial(pa.field, nullable=False)
optional = functools.partial(pa.field, nullable=True)

BOX = pa.struct(
    [
        pa.field("x0", pa.int32()),  # pixels, left edge, included
        pa.field("y0", pa.int32()),  # pixels, top edge, included
        pa.field("x1", pa.int32()),  # pixels, right edge, excluded
        pa.field("y1", pa.int32()),  # pixels, bottom edge, excluded
        pa.field("label", pa.string()),  # name of the object in the box
    ]
)
TRUTH = pa.struct(
    [
        pa.field("scene", pa.string()),  # what the image's background shows
        pa.field("attributes", pa.list_(pa.string())),  # true tags of the background
        pa.field("is_planted", pa.bool_()),  # repeated in training if its role is trained on
        # mu(t|v): image lane, one probability per label_id; caption lane, one per object name in order
        pa.field("probabilities", pa.list_(pa.float64())),
    ]
)

SAMPLES = Table(
    name="samples",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),  # unique within a lane
            required("sample_name", pa.string()),  # file stem, tar key: stable when data is added
            required(
                "uri", pa.string()
            ),  # relative to the corpus root: file, shard.tar#key, part.parquet#row
            optional("n_bytes", pa.int64()),  # size of the encoded image
            optional("width_px", pa.int32()),
            optional("height_px", pa.int32()),
            optional("label_id", pa.int32()),  # foreground label (image lane)
            optional("caption", pa.string()),  # (caption lane)
            required("boxes", pa.list_(BOX)),  # empty: no box is known
            optional("truth", TRUTH),  # only where the corpus knows it
            optional("content_hash", pa.string()),  # 16 hex digits of SHA-256 of the encoded image
            optional(
                "perceptual_hash", pa.int64()
            ),  # 64-bit pHash; near-duplicates differ in few bits
            optional("problem", pa.string()),  # why the sample cannot be used; NULL: it can
        ]
    ),
    key=("sample_id",),
)
LABELS = Table(
    name="labels",
    schema=pa.schema([required("label_id", pa.int32()), required("label", pa.string())]),
    key=("label_id",),
)
SPLITS = Table(
    name="splits",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),
            required("role", pa.string()),  # target, reference, public, control, unused
            required(
                "group_id", pa.int64()
            ),  # smallest sample_id of its group of (near) duplicates
            # why the role is `unused`, or which other roles hold a duplicate; NULL otherwise
            optional("reason", pa.string()),
        ]
    ),
    key=("sample_id",),
)
CROPS = Table(
    name="crops",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),  # every target, reference and control sample
            required("role", pa.string()),
            required("is_kept", pa.bool_()),
            optional("drop_reason", pa.string()),  # NULL: kept
            optional("x0", pa.int32()),  # pixels of the image; x1, y1 excluded
            optional("y0", pa.int32()),
            optional("x1", pa.int32()),
            optional("y1", pa.int32()),
        ]
    ),
    key=("sample_id",),
)
TAGS = Table(
    name="tags",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),
            required("tag_ids", pa.list_(pa.int32())),  # best first; empty: nothing was found
            required(
                "scores", pa.list_(pa.float32())
            ),  # higher is surer; the annotator's own scale
        ]
    ),
    key=("sample_id",),
)
TAG_VOCABULARY = Table(
    name="tag_vocabulary",
    schema=pa.schema([required("tag_id", pa.int32()), required("tag", pa.string())]),
    key=("tag_id",),
)
OBJECTS = Table(
    name="objects",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),
            required("object_ids", pa.list_(pa.int32())),  # sorted, unique
            required("scores", pa.list_(pa.float32())),  # best detection of each object, in [0, 1]
            required(
                "detections",
                pa.list_(
                    pa.struct(
                        [
                            pa.field("object_id", pa.int32()),
                            pa.field("score", pa.float32()),
                            pa.field("x0", pa.float32()),
                            pa.field("y0", pa.float32()),
                            pa.field("x1", pa.float32()),
                            pa.field("y1", pa.float32()),
                            pa.field("mask_area_px", pa.int64()),  # NULL: no mask
                        ]
                    )
                ),
            ),
        ]
    ),
    key=("sample_id",),
)
UNANNOTATED = Table(
    name="unannotated",
    schema=pa.schema([required("sample_id", pa.int64()), required("role", pa.string())]),
    key=("sample_id",),
)
OBJECT_VOCABULARY = Table(
    name="object_vocabulary",
    schema=pa.schema([required("object_id", pa.int32()), required("object", pa.string())]),
    key=("object_id",),
)
EMBEDDINGS = Table(
    name="embeddings",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),
            required("embedding", pa.list_(pa.float32())),  # stored as a fixed-size list
        ]
    ),
    key=("sample_id",),
    rows_per_group=8_192,
)
NEIGHBORS = Table(
    name="neighbors",
    schema=pa.schema(
        [
            required("sample_id", pa.int64()),
            required("neighbor_ids", pa.list_(pa.int64())),  # public samples, nearest first
            # inner product, cosine, or minus the squared Euclidean distance: higher is nearer
            required("similarities", pa.list_(pa.float32())),
        ]
    ),
    key=("sample_id",),
    rows_per_group=32_768,
)
PREDICTIONS = Table(
    name="predictions",
    schema=pa.schema(
        [
            required("predictor", pa.string()),
            required("sample_id", pa.int64()),
            required("role", pa.string()),
            required("label_id", pa.int32()),  # the truth
            required("predicted_id", pa.int32()),
            required("is_correct", pa.bool_()),
            optional("confidence", pa.float64()),  # minus entropy, nats
            # of the predicted distribution over labels, nats; NULL: a guess from elsewhere without one
            optional("entropy", pa.float64()),
            optional("p_truth", pa.float64()),  # probability (share of votes) given to the truth
        ]
    ),
    key=("predictor", "sample_id"),
    version=2,
)
IMAGE_SCORES = Table(
    name="image_scores",
    schema=pa.schema(
        [
            required("target", pa.string()),
            required("model", pa.string()),  # the target's
            optional("layer", pa.string()),  # the target's; NULL: guesses made elsewhere
            optional("metric", pa.string()),  # of the target's neighbors; NULL: likewise
            required("reference", pa.string()),
            required("sample_id", pa.int64()),
            required("role", pa.string()),  # target or control
            required("target_correct", pa.bool_()),
            required("reference_correct", pa.bool_()),
            required("is_memorized", pa.bool_()),  # target right, reference wrong (Definition 1)
            optional("target_entropy", pa.float64()),  # nats; NULL: not known
            optional("reference_entropy", pa.float64()),  # nats; NULL: not known
            optional("memorization_confidence", pa.float64()),  # reference - target entropy (eq. 3)
        ]
    ),
    key=("target", "reference", "sample_id"),
    version=3,
)
CAPTION_SCORES = Table(
    name="caption_scores",
    schema=pa.schema(
        [
            required("target", pa.string()),
            required("reference", pa.string()),
            required("mode", pa.string()),  # t2i or t2t
            required("k", pa.int32()),  # neighbors that vote
            optional("top", pa.int32()),  # predicted objects kept; NULL: all
            required("sample_id", pa.int64()),
            required("role", pa.string()),
            required("n_objects", pa.int32()),  # true objects
            required("target_hits", pa.int32()),  # true objects that the target predicts
            required("target_predicted", pa.int32()),
            required("reference_hits", pa.int32()),
            required("reference_predicted", pa.int32()),
            required("target_precision", pa.float64()),
            required("reference_precision", pa.float64()),
            required("target_recall", pa.float64()),
            required("reference_recall", pa.float64()),
        ]
    ),
    key=("target", "reference", "mode", "k", "top", "sample_id"),
)
REFERENCE_AGREEMENT = Table(
    name="reference_agreement",
    schema=pa.schema(
        [
            required("target", pa.string()),
            required("mode", pa.string()),  # t2i or t2t: how the target and its second model search
            required("first", pa.string()),  # two references, first < second in name order
            required("second", pa.string()),
            required("first_k", pa.int32()),  # neighbors that vote for the first reference
            required("second_k", pa.int32()),
            optional("first_top", pa.int32()),  # objects kept; NULL: all
            optional("second_top", pa.int32()),
            required("sample_id", pa.int64()),
            required("role", pa.string()),
            required("first_hits", pa.int32()),  # true objects that the first reference predicts
            required("second_hits", pa.int32()),
            required("common_hits", pa.int32()),  # true objects that both predict
        ]
    ),
    key=(
        "target", "mode", "first", "second", "first_k", "second_k", "first_top", "second_top",
        "sample_id",
    ),
)  # fmt: skip

MEMORIZED_SAMPLES = Table(
    name="memorized_samples",
    schema=pa.schema(
        [
            required("target", pa.string()),
            required("sample_id", pa.int64()),
            required("role", pa.string()),  # target, or whom it is compared with
            required("votes_for_truth", pa.int32()),  # of n_votes
            required("n_votes", pa.int32()),  # neighbors; caption lane: true objects
            required("log_odds", pa.float64()),  # ln((votes + 1/2) / (n_votes - votes + 1/2))
            required("z", pa.float64()),  # log odds, standardized within label or n_votes
            # share of compared samples at least as surprising; NULL: not of the target role
            optional("p_value", pa.float64()),
            optional("q_value", pa.float64()),  # least share of false entries that lists it; NULL
            required("is_listed", pa.bool_()),
        ]
    ),
    key=("target", "sample_id"),
)

CROSSOVER = Table(
    name="crossover",
    schema=pa.schema(
        [
            required("target", pa.string()),
            required("second_model", pa.string()),  # of the same layer and metric, or mode
            required("measure", pa.string()),  # hard, soft; caption lane: recall, precision
            required("sample_id", pa.int64()),
            required("role", pa.string()),  # target (the first was trained on it) or reference
            required("target_value", pa.float64()),
            required("second_value", pa.float64()),
        ]
    ),
    key=("target", "measure", "sample_id"),
    version=2,
)

MEASURES = Table(
    name="measures",
    schema=pa.schema(
        [
            required("target", pa.string()),
            required("measure", pa.string()),
            required("sample_id", pa.int64()),
            required("role", pa.string()),  # target or control
            required("value", pa.float64()),  # higher: more memorized
        ]
    ),
    key=("target", "measure", "sample_id"),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        SAMPLES, LABELS, SPLITS, CROPS, TAGS, TAG_VOCABULARY, OBJECTS, UNANNOTATED,
        OBJECT_VOCABULARY, EMBEDDINGS, NEIGHBORS, PREDICTIONS, IMAGE_SCORES, CAPTION_SCORES,
        REFERENCE_AGREEMENT, MEMORIZED_SAMPLES, CROSSOVER, MEASURES,
    )
}  # fmt: skip
