"""What the recipes share, on inputs made here: python -m unittest discover -s engines/training/tests -t engines/training"""

from __future__ import annotations

import tempfile
import tomllib
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch

from common.adapt import adapted_manifest
from common.calibrate import as_two, expected_calibration_error, fit_temperature
from common.foreign import area_under_roc
from common.label_parity import parity
from common.quantize import missed
from common.session import Session
from common.shipped import load_shipped
from common.unlikeness import NAME, add_unlikeness, pooled_features
from fetal_head.geometry import Ellipse
from fetal_head.net import head_net
from fetal_head.train import circumference, size_error
from larynx.net import larynx_net
from nerve_vessel.net import nerve_vessel_net
from nerve_vessel.split import groups_of, texture

ENGINES = Path(__file__).resolve().parents[2]
NETS = {"fetal-head": (head_net, (1, 192, 288)), "larynx": (larynx_net, (3, 256, 256)),
        "nerve-vessel": (nerve_vessel_net, (1, 256, 256))}


def pictures(shape: tuple[int, int, int], count: int) -> np.ndarray:
    return np.random.default_rng(1).random((count, *shape), np.float32)


class ShippedWeights(unittest.TestCase):
    def test_network_computes_what_the_file_does_on_pictures_that_set_no_statistics(self) -> None:
        for engine, (net_of, shape) in NETS.items():
            model, net = ENGINES / engine / "model.onnx", net_of()
            load_shipped(net, model, pictures(shape, 3))
            other = 1 - pictures(shape, 1)
            with torch.no_grad():
                loaded = net.eval()(torch.from_numpy(other))[0].numpy()
            self.assertLess(np.abs(loaded - Session(model, 1).run(other[0])).max(), 1e-3, engine)

    def test_batch_norms_take_the_statistics_of_the_pictures(self) -> None:
        net, x = larynx_net(), pictures((3, 256, 256), 4)
        load_shipped(net, ENGINES / "larynx/model.onnx", x)
        with torch.no_grad():
            quiet, busy = net.eval()(torch.from_numpy(x)), net.train()(torch.from_numpy(x))
        self.assertLess((quiet - busy).abs().max().item(), 0.05)


class Unlikeness(unittest.TestCase):
    def test_logits_stay_and_the_distance_is_the_gaussians(self) -> None:
        shape = NETS["nerve-vessel"][1]
        with tempfile.TemporaryDirectory() as folder:
            bare = Path(folder) / "bare.onnx"
            onnx.save(onnx.utils.Extractor(onnx.load(ENGINES / "nerve-vessel/model.onnx")).extract_model(["image"], ["logits"]), bare)
            out, x = Path(folder) / "out.onnx", pictures(shape, 40) * np.linspace(0.2, 1, 40, dtype=np.float32)[:, None, None, None]
            add_unlikeness(bare, out, x, (16, 8))
            before, after = Session(bare, 1), Session(out, 1)
            features = np.stack(list(pooled_features(onnx.load(bare), x, (16, 8)))).astype(np.float64)
            values = []
            for picture in x:
                outputs = after.outputs(picture)
                np.testing.assert_array_equal(outputs["logits"][0], before.run(picture))
                self.assertEqual(outputs[NAME].shape, (1,))
                values.append(outputs[NAME][0])
            self.assertGreater(after.outputs(np.ones(shape, np.float32))[NAME][0], max(values))
            from sklearn.covariance import LedoitWolf
            expected = np.sqrt(LedoitWolf().fit(features).mahalanobis(features) / features.shape[1])
            np.testing.assert_allclose(values, expected, rtol=0.02)


class Calibration(unittest.TestCase):
    def test_temperature_undoes_a_known_overconfidence(self) -> None:
        rng = np.random.default_rng(2)
        honest = rng.normal(0, 2, 40000)
        truth = (rng.random(honest.size) < 1 / (1 + np.exp(-honest))).astype(np.int64)
        bold = as_two(2 * honest)
        temperature = fit_temperature(bold, truth)
        self.assertAlmostEqual(temperature, 2.0, delta=0.08)
        self.assertLess(expected_calibration_error(bold, truth, temperature), 0.01)
        self.assertGreater(expected_calibration_error(bold, truth), 0.04)

    def test_area_under_roc_counts_pairs(self) -> None:
        self.assertEqual(area_under_roc(np.array([1.0, 2.0]), np.array([2.0, 3.0])), 0.875)


class Circumference(unittest.TestCase):
    @staticmethod
    def maps(*scales: float) -> torch.Tensor:
        ellipses = [Ellipse.from_axes(140, 95, 70 * s, 50 * s, 0.4) for s in scales]
        return torch.from_numpy(np.stack([e.coverage(288, 192) for e in ellipses]).astype(np.float32))[:, None]

    def test_agrees_with_the_ellipse(self) -> None:
        self.assertAlmostEqual(circumference(self.maps(1.0)).item(), Ellipse.from_axes(0, 0, 70, 50, 0).circumference(), delta=0.8)

    def test_error_is_the_logarithm_of_the_ratio_and_leaves_out_cut_heads(self) -> None:
        self.assertAlmostEqual(size_error(self.maps(1.05), self.maps(1.0)).item(), np.log(1.05), delta=2e-3)
        cut = torch.ones(1, 1, 192, 288)
        self.assertEqual(size_error(self.maps(1.0), cut).item(), 0.0)


class Groups(unittest.TestCase):
    def test_mirrored_and_shifted_copies_are_neighbours_and_others_not(self) -> None:
        rng = np.random.default_rng(3)

        def scan() -> np.ndarray:
            import cv2
            noise = cv2.GaussianBlur(rng.random((512, 534)).astype(np.float32), (0, 0), 12)
            return ((noise - noise.min()) / np.ptp(noise) * 200 + 30).astype(np.uint8)

        one, two = scan(), scan()
        copies = [one, two, np.ascontiguousarray(one[:, ::-1]), np.roll(two, 20, 1)]
        self.assertEqual(groups_of([texture(s) for s in copies]), [0, 1, 0, 1])


class Gates(unittest.TestCase):
    def test_equal_labels_hold_and_a_flipped_class_does_not(self) -> None:
        truth = np.zeros((64, 64), np.uint8)
        truth[8:40, 8:40], truth[48:60, 48:60] = 1, 2
        wrong = np.where(truth == 2, 0, truth)
        sets = [(truth, truth, str(i)) for i in range(4)]
        self.assertEqual(missed(parity(sets, lambda p: p, lambda p: p, ("none", "a", "b"))), [])
        self.assertTrue(any("presence_flips" in line for line in
                            missed(parity(sets, lambda p: p, lambda p: wrong, ("none", "a", "b")))))

    def test_a_figure_that_was_not_measured_is_a_gate_missed(self) -> None:
        self.assertIn("dice_p1 was not measured", missed({"dice_median": 1.0}))


class AdaptedManifest(unittest.TestCase):
    def test_keeps_the_contract_and_drops_what_was_measured(self) -> None:
        for engine in NETS:
            folder = ENGINES / engine
            shipped = (folder / "manifest.toml").read_text()
            made = tomllib.loads(adapted_manifest(shipped, engine, "mine", folder / "card.md"))
            before = tomllib.loads(shipped)
            self.assertEqual(made["engine"]["name"], "mine")
            self.assertNotEqual(made["model"]["sha256"], before["model"]["sha256"])
            self.assertEqual(made["classes"], before["classes"])
            self.assertEqual(made["input"], before["input"])
            self.assertEqual(made["precisions"], [{"name": "f32"}])
            self.assertNotIn("scores", made)
            self.assertEqual(set(made["output"]), {"name", "kind", "activation"})


if __name__ == "__main__":
    unittest.main()
