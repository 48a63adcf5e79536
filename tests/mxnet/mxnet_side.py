"""What real MXNet does: run by the Python of an environment that has it, never imported here.

    python mxnet_side.py train DIR              train a small SSD, save it as SageMaker does
    python mxnet_side.py learn DATASET DIR      the same, from what `facepipe dataset` wrote
    python mxnet_side.py reference DIR OUT      rows of a detection head that MXNet builds itself
    python mxnet_side.py rows SYMBOL PARAMS PICTURES OUT   rows of a symbol out of a file
    python mxnet_side.py symbols DIR            symbols alone, of several forms

CPython 3.8; nothing but mxnet, NumPy and the standard library.
"""

from __future__ import annotations

import json
import random
import sys
import tarfile
from pathlib import Path

import mxnet as mx
import numpy as np

SIDE = 64
CLASSES = ("disc", "square")
MEAN = np.array([123.0, 117.0, 104.0], np.float32)  # of red, green, blue
VARIANCES = (0.1, 0.1, 0.2, 0.2)
# Sizes and ratios of the boxes of each feature map.
ANCHORS = (((0.2, 0.28), (1, 2, 0.5)), ((0.38, 0.5), (1, 2, 0.5)), ((0.65, 0.8), (1,)))
FACES = (((0.06, 0.09), (1, 0.75)), ((0.15, 0.25), (1, 0.75)), ((0.4, 0.6), (1, 0.75)))
MOST_BOXES = 10  # in a picture


def conv(data, name, filters, stride=1):
    data = mx.sym.Convolution(
        data, kernel=(3, 3), pad=(1, 1), stride=(stride, stride), num_filter=filters, name=name
    )
    data = mx.sym.BatchNorm(data, fix_gamma=False, eps=2e-5, momentum=0.9, name=name + "_bn")
    return mx.sym.Activation(data, act_type="relu", name=name + "_relu")


def feature_maps(data):
    data = mx.sym.identity(data, name="id")
    data = mx.sym.BatchNorm(data, fix_gamma=True, eps=2e-5, momentum=0.9, name="bn_data")
    body = conv(data, "conv1", 16, 2)
    body = mx.sym.Pooling(body, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
    shortcut = body = conv(body, "conv2", 16)
    body = conv(conv(body, "conv3", 16), "conv4", 16) + shortcut
    maps = [conv(body, "conv5", 32, 2)]
    maps.append(conv(maps[-1], "conv6", 32, 2))
    maps.append(conv(maps[-1], "conv7", 32, 2))
    # The first is scaled as VGG's is.
    scale = mx.sym.Variable("scale", shape=(1, 32, 1, 1), init=mx.init.Constant(10.0))
    norm = mx.sym.L2Normalization(maps[0], mode="channel", name="norm")
    maps[0] = mx.sym.broadcast_mul(lhs=scale, rhs=norm)
    return maps


def heads(classes, forms=ANCHORS, shrink=1):
    """Box offsets, class scores and anchors, as MXNet's own SSD puts them together."""
    data = mx.sym.Variable("data")
    if shrink > 1:  # for a picture that would take too long
        data = mx.sym.Pooling(data, kernel=(shrink,) * 2, stride=(shrink,) * 2, pool_type="avg")
    offsets, scores, anchors = [], [], []
    for index, (layer, (sizes, ratios)) in enumerate(zip(feature_maps(data), forms)):
        count = len(sizes) + len(ratios) - 1
        for outputs, into, kind in ((4, offsets, "loc"), (classes + 1, scores, "cls")):
            pred = mx.sym.Convolution(
                layer,
                kernel=(3, 3),
                pad=(1, 1),
                num_filter=count * outputs,
                name=f"{kind}_pred{index}",
            )
            into.append(mx.sym.Flatten(mx.sym.transpose(pred, axes=(0, 2, 3, 1))))
        prior = mx.sym.contrib.MultiBoxPrior(
            layer, sizes=sizes, ratios=ratios, clip=False, name=f"anchors{index}"
        )
        anchors.append(mx.sym.Flatten(prior))
    loc_preds = mx.sym.Concat(*offsets, dim=1, name="multibox_loc_pred")
    cls_preds = mx.sym.Reshape(mx.sym.Concat(*scores, dim=1), shape=(0, -1, classes + 1))
    cls_preds = mx.sym.transpose(cls_preds, axes=(0, 2, 1), name="multibox_cls_pred")
    boxes = mx.sym.Reshape(mx.sym.Concat(*anchors, dim=1), shape=(0, -1, 4), name="multibox_boxes")
    return loc_preds, cls_preds, boxes


def training_symbol(loc_preds, cls_preds, boxes, *, seed=None, detection=True):
    """The training graph; a seed gives it other names, and its parts another order."""
    pick = random.Random(seed)

    def name(usual):
        return usual if seed is None else f"n{pick.getrandbits(32):08x}"

    target = mx.sym.contrib.MultiBoxTarget(
        boxes,
        mx.sym.Variable(name("label")),
        cls_preds,
        overlap_threshold=0.5,
        ignore_label=-1,
        negative_mining_ratio=3,
        minimum_negative_samples=0,
        negative_mining_thresh=0.5,
        variances=VARIANCES,
        name=name("multibox_target"),
    )
    cls_prob = mx.sym.SoftmaxOutput(
        data=cls_preds,
        label=target[2],
        ignore_label=-1,
        use_ignore=True,
        grad_scale=1.0,
        multi_output=True,
        normalization="valid",
        name=name("cls_prob"),
    )
    far = loc_preds - target[0]
    if seed is not None and pick.random() < 0.5:
        far = target[0] - loc_preds
    masked = target[1] * far
    if seed is not None and pick.random() < 0.5:
        masked = far * target[1]
    loss = mx.sym.smooth_l1(masked, scalar=1.0, name=name("loc_loss_"))
    loc_loss = mx.sym.MakeLoss(loss, grad_scale=1.0, normalization="valid", name=name("loc_loss"))
    cls_label = mx.sym.MakeLoss(target[2], grad_scale=0, name=name("cls_label"))
    outputs = [cls_prob, loc_loss, cls_label]
    if detection:
        found = mx.sym.contrib.MultiBoxDetection(
            cls_prob,
            loc_preds,
            boxes,
            name=name("detection"),
            nms_threshold=0.5,
            force_suppress=False,
            variances=VARIANCES,
            nms_topk=400,
        )
        outputs.append(mx.sym.MakeLoss(found, grad_scale=0, name=name("det_out")))
    if seed is not None:
        pick.shuffle(outputs)
    return mx.sym.Group(outputs)


def detection_symbol(loc_preds, cls_preds, boxes, nms=0.45):
    cls_prob = mx.sym.SoftmaxActivation(data=cls_preds, mode="channel", name="cls_prob")
    return mx.sym.contrib.MultiBoxDetection(
        cls_prob,
        loc_preds,
        boxes,
        name="detection",
        nms_threshold=nms,
        force_suppress=False,
        variances=VARIANCES,
        nms_topk=400,
    )


def painted(count, seed):
    """Pictures of discs and squares, `(N, 3, S, S)` uint8 RGB, and labels `(N, 3, 5)`."""
    rng = np.random.RandomState(seed)
    pictures = rng.randint(0, 60, (count, 3, SIDE, SIDE)).astype(np.uint8)
    labels = np.full((count, 3, 5), -1, np.float32)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    for picture, rows in zip(pictures, labels):
        for index in range(rng.randint(1, 4)):
            side = rng.randint(SIDE // 5, SIDE // 2)
            x, y = rng.randint(0, SIDE - side, 2)
            box = np.array([x, y, x + side, y + side]) / SIDE
            # One on the other would be hard for a network of this size.
            if any(min(a[3], box[2]) > max(a[1], box[0]) and min(a[4], box[3]) > max(a[2], box[1])
                   for a in rows[:index]):  # fmt: skip
                continue
            kind = rng.randint(2)
            inside = (xs >= x) & (xs < x + side) & (ys >= y) & (ys < y + side)
            if kind == 0:
                middle = (side - 1) / 2
                inside = (xs - x - middle) ** 2 + (ys - y - middle) ** 2 <= (side / 2) ** 2
            picture[:, inside] = rng.randint(120, 256, 3)[:, None]
            rows[index] = [kind, *box]
    return pictures, labels


def normalised(pictures):
    return pictures.astype(np.float32) - MEAN[:, None, None]


def run(symbol, params, pictures):
    """What a detection symbol gives for each picture, `(N, boxes, 6)`."""
    arguments = {k[4:]: v for k, v in params.items() if k.startswith("arg:")}
    states = {k[4:]: v for k, v in params.items() if k.startswith("aux:")}
    module = mx.mod.Module(symbol, label_names=None, context=mx.cpu())
    module.bind(data_shapes=[("data", (1, *pictures.shape[1:]))], for_training=False)
    module.set_params(arguments, states)
    rows = []
    for picture in normalised(pictures):
        module.forward(mx.io.DataBatch([mx.nd.array(picture[None])]), is_train=False)
        rows.append(module.get_outputs()[0].asnumpy()[0])
    return np.stack(rows)


def labelled(data_set):
    """The pictures of a data set's training side, `(N, 3, S, S)` uint8 RGB, and their labels."""
    pictures, labels = [], []
    for line in (data_set / "train.manifest").read_text("utf-8").splitlines():
        record = json.loads(line)
        side = record["labels"]["image_size"][0]["width"]
        name = record["source-ref"].rpartition("/")[2]
        image = mx.image.imdecode((data_set / "images" / name).read_bytes()).asnumpy()
        pictures.append(image.transpose(2, 0, 1))
        rows = np.full((MOST_BOXES, 5), -1, np.float32)
        for row, box in zip(rows, record["labels"]["annotations"]):
            x, y = box["left"], box["top"]
            row[0] = box["class_id"]
            row[1:] = np.array([x, y, x + box["width"], y + box["height"]]) / side
        labels.append(rows)
    return np.stack(pictures), np.stack(labels)


def fit(parts, pictures, labels, *, steps, batch, rate):
    mx.random.seed(1)
    np.random.seed(1)
    data = mx.io.NDArrayIter(
        normalised(pictures),
        labels,
        batch,
        shuffle=True,
        label_name="label",
        last_batch_handle="discard",
    )
    # Without its detections, which are not learnt from and take most of the time.
    symbol = training_symbol(*parts, detection=False)
    module = mx.mod.Module(symbol, label_names=["label"], context=mx.cpu())
    module.bind(data.provide_data, data.provide_label)
    module.init_params(mx.init.Xavier(magnitude=2))
    slower = mx.lr_scheduler.MultiFactorScheduler([steps * 6 // 10, steps * 17 // 20], 0.3)
    module.init_optimizer(
        optimizer="adam", optimizer_params={"learning_rate": rate, "lr_scheduler": slower}
    )
    done = 0
    while done < steps:
        data.reset()
        for part in data:
            module.forward_backward(part)
            module.update()
            done += 1
    return module


def save(module, parts, folder, classes, side):
    """What SageMaker leaves of a training job."""
    folder.mkdir(parents=True, exist_ok=True)
    module.save_checkpoint(str(folder / "model_algo_1"), 0)
    training_symbol(*parts).save(str(folder / "model_algo_1-symbol.json"))
    hyperparams = {
        "base_network": "resnet-50",
        "num_classes": str(classes),
        "image_shape": str(side),
        "nms_threshold": "0.45",
    }
    (folder / "hyperparams.json").write_text(json.dumps(hyperparams))
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for name in ("model_algo_1-symbol.json", "model_algo_1-0000.params", "hyperparams.json"):
            archive.add(folder / name, name)


def train(folder):
    pictures, labels = painted(64, seed=1)
    parts = heads(len(CLASSES))
    module = fit(parts, pictures, labels, steps=160, batch=16, rate=0.01)
    save(module, parts, folder, len(CLASSES), SIDE)
    np.save(folder / "pictures.npy", pictures[:12])
    np.save(folder / "labels.npy", labels[:12])


def learn(data_set, folder):
    classes = len((data_set / "classes.txt").read_text("utf-8").splitlines())
    pictures, labels = labelled(data_set)
    parts = heads(classes, FACES, shrink=2)
    module = fit(parts, pictures, labels, steps=120, batch=12, rate=0.005)
    save(module, parts, folder, classes, pictures.shape[2])


def main():
    command, *rest = sys.argv[1:]
    places = [Path(place) for place in rest]
    if command == "train":
        train(places[0])
    elif command == "learn":
        learn(*places)
    elif command == "reference":
        params = mx.nd.load(str(places[0] / "model_algo_1-0000.params"))
        pictures = np.load(places[0] / "pictures.npy")
        np.save(places[1], run(detection_symbol(*heads(len(CLASSES))), params, pictures))
    elif command == "rows":
        params = mx.nd.load(str(places[1]))
        np.save(places[3], run(mx.sym.load(str(places[0])), params, np.load(places[2])))
    elif command == "symbols":
        for seed in range(8):
            with mx.name.NameManager():
                parts = heads(2)
                symbol = training_symbol(*parts, seed=seed or None, detection=seed % 2 == 0)
                symbol.save(str(places[0] / f"train{seed}-symbol.json"))
                detection_symbol(*parts).save(str(places[0] / f"deploy{seed}-symbol.json"))
    else:
        raise SystemExit(f"no such command: {command}")


if __name__ == "__main__":
    main()
