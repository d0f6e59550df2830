"""The words of the data dictionary: what each view, path column, table column and struct field means.

A meaning is (unit, text); the unit is empty where a column has none.
"""

Meaning = tuple[str, str]

VIEWS = {
    "samples": "Every sample that a corpus lists, usable or not.",
    "labels": "Names of the labels.",
    "splits": "The one role of every sample, and why it is unused.",
    "crops": "The background crop of every attacked or reference image, kept or dropped.",
    "tags": "What each annotator sees on each kept crop.",
    "tag_vocabulary": "Names of the tags of each annotator.",
    "objects": "The objects on every attacked, public or reference image of the caption lane.",
    "unannotated": "Attacked and public samples of the caption lane of which nobody said what they show: "
    "they are neither searched nor scored.",
    "object_vocabulary": "Names of the objects.",
    "embeddings": "One vector per model, layer and sample.",
    "neighbors": "The public samples nearest to each attacked one, per model, layer and metric, or mode.",
    "predictions": "What every predictor guesses for the hidden label of every crop.",
    "image_scores": "Every target against every reference, sample by sample (Definition 1, equation 3).",
    "caption_scores": "Every target against every reference, sample by sample (equation 2).",
    "reference_agreement": "Which true objects two references both predict, sample by sample.",
    "crossover": "Each of two models of one recipe, attacked on its own training samples and on the other's.",
    "measures": "What else is measured of every attacked sample: weighted votes, norms, distances.",
    "memorized_samples": "Which samples are memorized: a list whose share of false entries is controlled.",
}

PATH_COLUMNS = {  # in the order in which views show them
    "lane": "image or caption",
    "annotator": "name in image.annotators",
    "model": "name in image.models or caption.models",
    "layer": "layer of the network; NULL in the caption lane, and where nothing was searched",
    "view": "what was embedded: public_image, crop, caption or public_caption",
    "metric": "cosine or l2; NULL likewise",
    "mode": "t2i: captions search images, t2t: captions search captions; NULL in the image lane",
}

_ID: Meaning = ("", "number of the sample, unique within a lane")
_ROLE: Meaning = (
    "",
    "target (trained on and attacked) or control (no model was trained on it; attacked alike)",
)
_TARGET: Meaning = (
    "",
    "attacked predictor: a model, in another layer or metric <model>_<layer>_<metric>",
)
_REFERENCE: Meaning = ("", "what predicts from correlation alone, e.g. second_model, naive_bayes@5")

COLUMNS: dict[str, dict[str, Meaning]] = {
    "samples": {
        "sample_id": _ID,
        "sample_name": ("", "name that stays when data is added: file stem, tar key"),
        "uri": ("", "place below the corpus root: file, shard.tar#key or part.parquet#row"),
        "n_bytes": ("bytes", "size of the encoded image"),
        "width_px": ("pixels", "width of the image"),
        "height_px": ("pixels", "height of the image"),
        "label_id": ("", "label of the foreground object (image lane)"),
        "caption": ("", "caption (caption lane)"),
        "boxes": ("", "boxes of objects; empty: no box is known"),
        "truth": ("", "what a generated corpus knows about the sample; NULL on real data"),
        "content_hash": ("", "16 hex digits of SHA-256 of the encoded image"),
        "perceptual_hash": ("", "64-bit pHash; near-duplicates differ in few bits"),
        "problem": ("", "why the sample cannot be used; NULL: it can"),
    },
    "labels": {
        "label_id": ("", "number of the label"),
        "label": ("", "its name"),
    },
    "splits": {
        "sample_id": _ID,
        "role": ("", "target, reference, public, control or unused"),
        "group_id": ("", "smallest sample_id of its group of (near) duplicates"),
        "reason": ("", "why it is unused, or which other roles hold a duplicate; NULL otherwise"),
    },
    "crops": {
        "sample_id": _ID,
        "role": ("", "target, reference or control"),
        "is_kept": ("", "whether the crop is large enough to be used"),
        "drop_reason": ("", "why it is not; NULL: it is kept"),
        "x0": ("pixels", "left edge of the crop, included"),
        "y0": ("pixels", "top edge, included"),
        "x1": ("pixels", "right edge, excluded"),
        "y1": ("pixels", "bottom edge, excluded"),
    },
    "tags": {
        "sample_id": _ID,
        "tag_ids": ("", "tags, best first; empty: nothing was found"),
        "scores": ("", "one score per tag, higher is surer; each annotator has its own scale"),
    },
    "tag_vocabulary": {
        "tag_id": ("", "number of the tag, within its annotator"),
        "tag": ("", "its name"),
    },
    "objects": {
        "sample_id": _ID,
        "object_ids": ("", "objects on the image, sorted, each once"),
        "scores": ("0 to 1", "score of the best detection of each object"),
        "detections": ("", "all detections; empty where only the objects are known"),
    },
    "unannotated": {
        "sample_id": _ID,
        "role": ("", "target, control or public"),
    },
    "object_vocabulary": {
        "object_id": ("", "number of the object"),
        "object": ("", "its name"),
    },
    "embeddings": {
        "sample_id": _ID,
        "embedding": ("", "the vector as the network returns it"),
    },
    "neighbors": {
        "sample_id": ("", "the attacked sample"),
        "neighbor_ids": ("", "public samples, nearest first"),
        "similarities": (
            "",
            "cosine, inner product, or minus the squared Euclidean distance: higher is nearer",
        ),
    },
    "predictions": {
        "predictor": ("", "who guesses: a model's vote, a classifier, naive_bayes@K, oracle"),
        "sample_id": _ID,
        "role": _ROLE,
        "label_id": ("", "the true label"),
        "predicted_id": ("", "the guessed label"),
        "is_correct": ("", "whether the guess is right"),
        "confidence": ("nats", "minus entropy: higher is surer"),
        "entropy": ("nats", "entropy of the predicted distribution over labels"),
        "p_truth": ("0 to 1", "probability, or share of the votes, given to the true label"),
    },
    "image_scores": {
        "target": _TARGET,
        "model": ("", "the target's model, a name in image.models"),
        "layer": ("", "its layer; NULL: guesses made elsewhere"),
        "metric": ("", "cosine or l2, what its neighbors are nearest by; NULL likewise"),
        "reference": _REFERENCE,
        "sample_id": _ID,
        "role": _ROLE,
        "target_correct": ("", "whether the target guesses the hidden label"),
        "reference_correct": ("", "whether the reference does"),
        "is_memorized": ("", "target right and reference wrong (Definition 1)"),
        "target_entropy": ("nats", "entropy of the target's votes"),
        "reference_entropy": ("nats", "entropy of the reference's prediction"),
        "memorization_confidence": ("nats", "reference entropy - target entropy (equation 3)"),
    },
    "caption_scores": {
        "target": ("", "attacked model"),
        "reference": _REFERENCE,
        "mode": ("", "t2i: captions search images, t2t: captions search captions"),
        "k": ("", "public neighbors that count"),
        "top": ("", "predicted objects kept; NULL: all"),
        "sample_id": _ID,
        "role": _ROLE,
        "n_objects": ("objects", "true objects of the sample"),
        "target_hits": ("objects", "true objects that the target predicts"),
        "target_predicted": ("objects", "objects that the target predicts"),
        "reference_hits": ("objects", "true objects that the reference predicts"),
        "reference_predicted": ("objects", "objects that the reference predicts"),
        "target_precision": ("0 to 1", "target_hits / target_predicted; 0: none predicted"),
        "reference_precision": (
            "0 to 1",
            "reference_hits / reference_predicted; 0: none predicted",
        ),
        "target_recall": ("0 to 1", "target_hits / n_objects"),
        "reference_recall": ("0 to 1", "reference_hits / n_objects"),
    },
    "reference_agreement": {
        "target": ("", "attacked model"),
        "mode": ("", "how the target and its second model search: t2i or t2t"),
        "first": ("", "a reference; first < second by name"),
        "second": ("", "another reference"),
        "first_k": ("", "neighbors that count for the first"),
        "second_k": ("", "neighbors that count for the second"),
        "first_top": ("", "objects kept of the first; NULL: all"),
        "second_top": ("", "objects kept of the second; NULL: all"),
        "sample_id": _ID,
        "role": _ROLE,
        "first_hits": ("objects", "true objects that the first predicts"),
        "second_hits": ("objects", "true objects that the second predicts"),
        "common_hits": ("objects", "true objects that both predict"),
    },
    "crossover": {
        "target": _TARGET,
        "second_model": ("", "predictor of the second model in the same layer and metric, or mode"),
        "measure": (
            "",
            "hard: 1 where the guess is right; soft: log odds of the votes for the truth (nats); caption "
            "lane: recall, precision",
        ),
        "sample_id": _ID,
        "role": ("", "target (the first model was trained on it) or reference (the second was)"),
        "target_value": ("", "what is measured of the sample with the first model"),
        "second_value": ("", "likewise with the second model"),
    },
    "measures": {
        "target": _TARGET,
        "measure": ("", "name in measures.image or measures.caption"),
        "sample_id": _ID,
        "role": _ROLE,
        "value": ("", "higher: more memorized, by a sign that is fixed for each measure"),
    },
    "memorized_samples": {
        "target": _TARGET,
        "sample_id": _ID,
        "role": (
            "",
            "target, or a role that the model was not trained on, which it is compared with",
        ),
        "votes_for_truth": (
            "",
            "neighbors that vote for the true label; caption lane: true objects that are predicted",
        ),
        "n_votes": ("", "neighbors that vote; caption lane: true objects"),
        "log_odds": ("nats", "ln((votes_for_truth + 1/2) / (n_votes - votes_for_truth + 1/2))"),
        "z": ("", "log odds, standardized within the label (caption lane: within n_votes)"),
        "p_value": (
            "0 to 1",
            "share of samples that it is compared with that are at least as surprising; NULL: another role",
        ),
        "q_value": ("0 to 1", "least share of false entries at which it is listed; NULL likewise"),
        "is_listed": ("", "whether q_value is at most report.false_discovery_percent"),
    },
}

STRUCTS: dict[str, dict[str, Meaning]] = {
    "boxes": {
        "x0": ("pixels", "left edge, included"),
        "y0": ("pixels", "top edge, included"),
        "x1": ("pixels", "right edge, excluded"),
        "y1": ("pixels", "bottom edge, excluded"),
        "label": ("", "name of the object in the box"),
    },
    "truth": {
        "scene": ("", "what the background shows"),
        "attributes": ("", "true tags of the background"),
        "is_planted": ("", "repeated in training if its role is trained on"),
        "probabilities": (
            "0 to 1",
            "true P(label | crop) by label_id, or P(object | caption) by object name",
        ),
    },
    "detections": {
        "object_id": ("", "which object"),
        "score": ("0 to 1", "how sure the annotator is"),
        "x0": ("pixels", "left edge of its box"),
        "y0": ("pixels", "top edge"),
        "x1": ("pixels", "right edge"),
        "y1": ("pixels", "bottom edge"),
        "mask_area_px": ("pixels", "area of its mask; NULL: no mask"),
    },
}
