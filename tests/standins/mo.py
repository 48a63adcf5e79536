"""Stands in for the mo module of an AWS DeepLens.

`optimize` takes and gives what it does on a device, as the developer guide has it; the model that
it writes is for the stand-in of awscam.
"""

from pathlib import Path

ANSWER = 0  # or the number of an error
CALLS = []


def optimize(model_name, input_width, input_height, platform="MXNet", aux_inputs=None):
    """Write `<model_name>.xml`, and give (error, path)."""
    if platform != "MXNet":
        return 1, ""
    folder = Path((aux_inputs or {}).get("--models-dir", "/opt/awscam/artifacts"))
    CALLS.append((model_name, input_width, input_height, str(folder)))
    there = [folder / (model_name + end) for end in ("-symbol.json", "-0000.params")]
    sides = (input_width, input_height)
    if not all(path.is_file() for path in there) or not all(0 <= side <= 1024 for side in sides):
        return 2, ""
    if ANSWER:
        return ANSWER, ""
    path = folder / (model_name + ".xml")
    path.write_text("<?xml version='1.0'?><net/>")
    return 0, str(path)
