"""Pictures from anyone, decoded under limits: those of src/vision/intake/image-limits.ts."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from .failure import Failure

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000


def decode_picture(data: bytes) -> Image.Image:
    """RGB, upright, transparency laid over white, as src/vision/intake/decode-image.ts makes it."""
    if len(data) > MAX_BYTES:
        raise Failure("IMAGE_TOO_LARGE", f"a picture has {len(data)} bytes, the limit is {MAX_BYTES}")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the limit here is our own.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Failure("IMAGE_TOO_LARGE", f"a picture has {picture.width}x{picture.height} pixels, the limit is {MAX_PIXELS}")
                return to_rgb(ImageOps.exif_transpose(picture))
    except Failure:
        raise
    except UnidentifiedImageError as error:
        raise Failure("IMAGE_UNSUPPORTED", f"a picture of {len(data)} bytes is no {', '.join(FORMATS)} picture") from error
    except Exception as error:  # Pillow raises whatever its decoders do.
        raise Failure("IMAGE_CORRUPT", f"a picture of {len(data)} bytes cannot be decoded: {type(error).__name__}") from error


def to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        picture.load()
        return picture
    if "A" in picture.getbands() or "transparency" in picture.info:
        ground = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")
