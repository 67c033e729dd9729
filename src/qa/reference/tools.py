"""What each reference tool says of a pair of masks. None stands for a tool that gives no number."""
import warnings

import numpy as np
import scipy.ndimage

# surface-distance 0.1 still uses names that NumPy 2 and SciPy 1.15 took away.
np.Inf = np.inf
if not hasattr(scipy.ndimage, "filters"):
    scipy.ndimage.filters = scipy.ndimage.morphology = scipy.ndimage

import medpy.metric.binary as medpy
import SimpleITK as sitk
import surface_distance
import torch
from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_iou
from monai.metrics.panoptic_quality import compute_panoptic_quality

warnings.filterwarnings("ignore")


def number(value):
    value = float(value)
    return value if np.isfinite(value) else None


def attempt(call):
    """A number, or None where the tool refuses."""
    try:
        return number(call())
    except (RuntimeError, ZeroDivisionError, ValueError):
        return None


def monai(truth, prediction, size):
    one_hot = lambda m: torch.from_numpy(m[None, None].astype(np.float32))
    y, p = one_hot(truth), one_hot(prediction)
    spacing = (size[1], size[0])
    return {
        "dice": attempt(lambda: compute_dice(p, y, include_background=True, ignore_empty=True)),
        "iou": attempt(lambda: compute_iou(p, y, include_background=True, ignore_empty=True)),
        "hd100": attempt(lambda: compute_hausdorff_distance(p, y, include_background=True, spacing=spacing)),
        "hd95": attempt(lambda: compute_hausdorff_distance(p, y, include_background=True, percentile=95, spacing=spacing)),
        "assd": attempt(lambda: compute_average_surface_distance(p, y, include_background=True, symmetric=True, spacing=spacing)),
    }


def deepmind(truth, prediction, size, tolerance):
    distances = surface_distance.compute_surface_distances(truth, prediction, (size[1], size[0]))
    return {"nsd": attempt(lambda: surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))}


def simple_itk(truth, prediction, size):
    images = []
    for mask in (truth, prediction):
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.SetSpacing(size)
        images.append(image)
    distance, overlap = sitk.HausdorffDistanceImageFilter(), sitk.LabelOverlapMeasuresImageFilter()

    def hausdorff():
        distance.Execute(*images)
        return distance.GetHausdorffDistance()

    def dice():
        overlap.Execute(*images)
        return overlap.GetDiceCoefficient()

    return {"hd100": attempt(hausdorff), "dice": attempt(dice) if truth.any() or prediction.any() else None}


def med_py(truth, prediction, size):
    spacing = (size[1], size[0])
    empty = not truth.any() and not prediction.any()
    ratio = lambda f: None if empty else attempt(lambda: f(prediction, truth))
    return {
        "dice": ratio(medpy.dc),
        "iou": ratio(medpy.jc),
        "sensitivity": ratio(medpy.sensitivity) if truth.any() else None,
        "specificity": attempt(lambda: medpy.specificity(prediction, truth)) if not truth.all() else None,
        "precision": ratio(medpy.precision) if prediction.any() else None,
        "hd100": attempt(lambda: medpy.hd(prediction, truth, spacing)),
        "assd": attempt(lambda: medpy.assd(prediction, truth, spacing)),
    }


def panoptic(truth, prediction):
    eight = np.ones((3, 3))
    number_of = lambda m: torch.from_numpy(scipy.ndimage.label(m, eight)[0].astype(np.int32))
    t, p = number_of(truth), number_of(prediction)
    tp, fp, fn, iou = (float(v) for v in compute_panoptic_quality(p, t, output_confusion_matrix=True))
    return {"matched": tp, "prediction_only": fp, "truth_only": fn, "iou_sum": iou}
