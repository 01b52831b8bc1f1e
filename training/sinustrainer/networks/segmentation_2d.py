"""Segmentation of axial slices: U-Net (Ronneberger 2015) and DeepLabv3 / v3+ (Chen 2017, 2018).

Hua 2022 compared U-Net and DeepLabv3 on the nasal cavity and sinuses as one region; here the same networks also tell the
sinuses apart. Output: logits ``[n, classes, h, w]`` on the input's grid.
"""

import itertools

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sinustrainer.networks.backbones import Backbone
from sinusviewer.errors import InputError


def build_segmenter(
    architecture: str, channels: int, classes: int, *, base: int = 16, backbone: str = "", weights: str = "none"
) -> nn.Module:
    """A segmenter by name: ``unet``, ``unet_backbone``, ``deeplabv3`` or ``deeplabv3plus``.

    Parameters
    ----------
    base
        Width of the plain U-Net's first level.
    backbone, weights
        Of the other three.
    """
    network: UNet | BackboneUNet | DeepLab
    match architecture:
        case "unet":
            network = UNet(channels, classes, base)
        case "unet_backbone":
            network = BackboneUNet(Backbone(backbone, (2, 4, 8, 16), weights, channels), channels, classes)
        case "deeplabv3":
            network = DeepLab(Backbone(backbone, (4, 16), weights, channels), classes, refine=False)
        case "deeplabv3plus":
            network = DeepLab(Backbone(backbone, (4, 16), weights, channels), classes, refine=True)
        case _:
            raise InputError(
                f"There is no segmentation network “{architecture}”.", "unet, unet_backbone, deeplabv3[plus]."
            )
    with torch.no_grad():  # nearly every pixel is background: starting from that saves the first hundreds of steps
        bias = network.classify.bias
        if bias is not None:
            bias.zero_()
            bias[0] = 4.0
    return network


class UNet(nn.Module):
    """Plain U-Net of ``depth`` levels with batch normalisation; sides must be divisible by ``2 ** (depth - 1)``."""

    def __init__(self, channels: int, classes: int, base: int = 16, depth: int = 5) -> None:
        super().__init__()
        widths = [base * 2**level for level in range(depth)]
        self.encoders = nn.ModuleList(_double(a, b) for a, b in zip([channels, *widths[:-1]], widths, strict=True))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.decoders = nn.ModuleList(_double(2 * a, a) for a in widths[:-1])
        self.classify = nn.Conv2d(base, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        skips: list[Tensor] = []
        x = image - 0.5
        for level, encoder in enumerate(self.encoders):
            x = encoder(x if level == 0 else functional.max_pool2d(x, 2))
            skips.append(x)
        for level in reversed(range(len(self.ups))):
            x = self.decoders[level](torch.cat([skips[level], self.ups[level](x)], dim=1))
        logits: Tensor = self.classify(x)
        return logits


class BackboneUNet(nn.Module):
    """U-Net whose encoder is a backbone of strides 2 to 16; a light full-resolution level keeps thin walls sharp."""

    def __init__(
        self, backbone: Backbone, channels: int, classes: int, widths: tuple[int, ...] = (16, 24, 40, 64)
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.full = _block(channels, widths[0], 3)
        skips = [widths[0], *backbone.out_channels[:-1]]
        inputs = backbone.out_channels[-1]
        decoders: list[nn.Module] = []
        for skip, width in zip(reversed(skips), reversed(widths), strict=True):
            decoders.append(nn.Sequential(_block(inputs + skip, width, 3), _block(width, width, 3)))
            inputs = width
        self.decoders = nn.ModuleList(decoders)
        self.classify = nn.Conv2d(inputs, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        features = [self.full(image - 0.5), *self.backbone(image)]
        x = features[-1]
        for decoder, skip in zip(self.decoders, reversed(features[:-1]), strict=True):
            x = decoder(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
        logits: Tensor = self.classify(x)
        return logits


class DeepLab(nn.Module):
    """Atrous spatial pyramid pooling on stride-16 features; v3+ adds a decoder on stride-4 ones."""

    def __init__(
        self, backbone: Backbone, classes: int, *, refine: bool, width: int = 96, rates: tuple[int, ...] = (3, 6, 9)
    ) -> None:
        super().__init__()
        self.backbone = backbone
        fine, coarse = backbone.out_channels
        self.branches = nn.ModuleList([_block(coarse, width, 1), *(_separable(coarse, width, rate) for rate in rates)])
        self.pooled = nn.Sequential(nn.Conv2d(coarse, width, 1), nn.ReLU(inplace=True))
        self.join = nn.Sequential(_block(width * (len(rates) + 2), width, 1), nn.Dropout2d(0.1))
        self.fine = _block(fine, 24, 1) if refine else None
        self.refine = nn.Sequential(_separable(width + 24, width, 1), _separable(width, width, 1)) if refine else None
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine, coarse = self.backbone(image)
        pooled = self.pooled(coarse.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *coarse.shape[2:])
        x = self.join(torch.cat([*(branch(coarse) for branch in self.branches), pooled], dim=1))
        if self.refine is not None and self.fine is not None:
            x = functional.interpolate(x, size=fine.shape[2:], mode="bilinear", align_corners=False)
            x = self.refine(torch.cat([x, self.fine(fine)], dim=1))
        return functional.interpolate(self.classify(x), size=image.shape[2:], mode="bilinear", align_corners=False)


def _block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_block(inputs, outputs, 3), _block(outputs, outputs, 3))


def _separable(inputs: int, outputs: int, rate: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=rate, dilation=rate, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        *_block(inputs, outputs, 1),
    )
