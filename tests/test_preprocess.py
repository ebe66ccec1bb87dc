"""Images and sounds as tensors: what is described is done, to every kind of file, or refused."""

from __future__ import annotations

import io
import json
import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from edgert.errors import EdgertError, InputError, ModelIOError, UnsupportedError
from edgert.preprocess import AudioInput, ImageInput, change, describe, from_json, inputs_text
from edgert.preprocess.prepare import prepare

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8)
PLANES = (1, 3, 6, 5)


def tensor(
    source: object,
    description: ImageInput | AudioInput | None = None,
    shape: tuple[int, ...] = PLANES,
    dtype: type = np.float32,
) -> np.ndarray:
    return prepare(source, description, "x", shape, np.dtype(dtype))


def attempt(path: Path, description: AudioInput | None, shape: tuple[int, ...]) -> str:
    """Nothing if the file becomes a tensor, else its name as the error has it."""
    try:
        assert tensor(path, description, shape).shape == shape
    except (ModelIOError, InputError) as error:
        return path.name if path.name in str(error) else str(error)
    return ""


# Arithmetic and geometry --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pixels_become_numbers(dtype: type) -> None:
    """In float64, rounded once, by channel in the order of the tensor."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    exact = (PIXELS * (1 / 255) - np.array(mean)) / np.array(std)
    found = tensor(PIXELS, ImageInput(mean=mean, std=std), dtype=dtype)
    np.testing.assert_array_equal(found[0], exact.astype(dtype).transpose(2, 0, 1))
    assert found.dtype == dtype
    assert found.flags.c_contiguous
    caffe = ImageInput(scale=1, mean=(103.939, 116.779, 123.68), color="BGR")
    exact = PIXELS[..., ::-1] - np.array(caffe.mean)
    found = tensor(PIXELS, caffe, (1, 6, 5, 3), dtype)
    np.testing.assert_array_equal(found[0], exact.astype(dtype))


def test_bytes_stay_bytes() -> None:
    found = tensor(PIXELS, ImageInput(color="BGR"), (6, 5, 3), np.uint8)
    np.testing.assert_array_equal(found, PIXELS[..., ::-1])
    with pytest.raises(InputError, match="uint8 and takes pixels as they are"):
        tensor(PIXELS, ImageInput(mean=0.5), dtype=np.uint8)


def test_layouts() -> None:
    """They follow from the shape; where that says both, or the wrong one, they are stated."""
    part = PIXELS[:5, :2]
    planes = tensor(part, None, (1, 3, 5, 2))
    np.testing.assert_array_equal(planes[0].transpose(1, 2, 0), tensor(part, None, (5, 2, 3)))
    both = (1, 1, 4, 3)
    np.testing.assert_array_equal(tensor(PIXELS[:4, :3], None, both)[0, 0],
                                  tensor(PIXELS[:4, :3], None, (4, 3)))  # fmt: skip
    colours = tensor(PIXELS[:1, :4], ImageInput(layout="NHWC"), both)
    exact = (PIXELS[:1, :4] * (1 / 255)).astype(np.float32)
    np.testing.assert_array_equal(colours[0], exact)
    with pytest.raises(InputError, match="channels in NHWC"):
        tensor(part, ImageInput(layout="NHWC"), (1, 3, 5, 5))
    batch = tensor(part, None, (8, 3, 5, 2))
    np.testing.assert_array_equal(batch, planes)  # one sample of it


@pytest.mark.parametrize(
    ("description", "size", "into", "expected"),
    [
        (ImageInput(), (50, 20), (8, 9), (0, 0, 8, 9)),
        # torchvision: Resize(256), CenterCrop(224)
        (ImageInput(resize="crop", crop_pct=0.875), (640, 480), (224, 224), (-58, -16, 341, 256)),
        (ImageInput(resize="crop", crop_pct=0.875), (375, 500), (224, 224), (-16, -58, 256, 341)),
        (ImageInput(resize="crop", crop_pct=0.95), (500, 500), (224, 224), (-6, -6, 235, 235)),
        (ImageInput(resize="crop"), (100, 50), (20, 20), (-10, 0, 40, 20)),
        (ImageInput(resize="crop"), (3, 1000), (20, 10), (0, -3328, 20, 6666)),
        # ultralytics' letterbox
        (ImageInput(resize="letterbox"), (640, 480), (640, 640), (0, 80, 640, 480)),
        (ImageInput(resize="letterbox"), (333, 500), (320, 320), (53, 0, 213, 320)),
        (ImageInput(resize="letterbox"), (1, 4000), (320, 320), (159, 0, 1, 320)),
    ],
)
def test_where_images_lie(
    description: ImageInput, size: tuple, into: tuple, expected: tuple
) -> None:
    assert description.placed(size, into) == expected


def test_resizing() -> None:
    """By Pillow, in these places; bars have their colour in the order of the tensor."""
    image = pytest.importorskip("PIL.Image")
    picture = image.fromarray(RNG.integers(0, 256, (30, 20, 3)).astype(np.uint8))

    def scaled(width: int, height: int, method: str) -> np.ndarray:
        return np.asarray(picture.resize((width, height), image.Resampling[method]))

    for method in ("NEAREST", "BOX", "BILINEAR", "BICUBIC", "LANCZOS"):
        found = tensor(picture, ImageInput(interpolation=method.lower()), (8, 9, 3), np.uint8)
        np.testing.assert_array_equal(found, scaled(9, 8, method))
    found = tensor(picture, ImageInput(resize="crop"), (10, 10, 3), np.uint8)
    np.testing.assert_array_equal(found, scaled(10, 15, "BILINEAR")[2:12])
    bars = ImageInput(resize="letterbox", fill=(1, 2, 3), color="BGR")
    found = tensor(picture, bars, (15, 14, 3), np.uint8)
    np.testing.assert_array_equal(found[:, 2:12, ::-1], scaled(10, 15, "BILINEAR"))
    np.testing.assert_array_equal(found[:, :2], np.broadcast_to([1, 2, 3], (15, 2, 3)))


def test_arrays_need_no_pillow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = tensor(PIXELS)
    monkeypatch.setitem(sys.modules, "PIL", None)
    np.testing.assert_array_equal(tensor(PIXELS), expected)
    barred = tensor(PIXELS[:4], ImageInput(resize="letterbox", fill=0))
    np.testing.assert_array_equal(barred[:, :, 1:5], tensor(PIXELS[:4], None, (1, 3, 4, 5)))
    assert not barred[:, :, [0, 5]].any()
    with pytest.raises(UnsupportedError, match=r"needs Pillow.*edgert\[image\]"):
        tensor(PIXELS[:3])
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UnsupportedError, match=r"a\.png.*needs Pillow"):
        tensor(tmp_path / "a.png")


# Kinds of images ----------------------------------------------------------------------------------


def saved(folder: Path, picture: object, name: str, **options: object) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def bytes_of(source: object, channels: int = 3) -> np.ndarray:
    """The pixels that a model of so many channels gets."""
    shape = (*PIXELS.shape[:2], channels)
    return tensor(source, ImageInput(layout="NHWC"), shape, np.uint8)


def test_kinds_of_colour(tmp_path: Path) -> None:
    """Whatever says the same colours gives the same tensor, names in upper case too."""
    image = pytest.importorskip("PIL.Image")
    rgb = image.fromarray(PIXELS)
    few = rgb.quantize(16)
    cmyk = rgb.convert("CMYK")
    for name, picture, expected in (
        ("RGB.PNG", rgb, PIXELS),
        ("rgba.png", rgb.convert("RGBA"), PIXELS),
        ("palette.png", few, np.asarray(few.convert("RGB"))),
        ("palette.gif", few, np.asarray(few.convert("RGB"))),
        ("cmyk.tif", cmyk, np.asarray(cmyk.convert("RGB"))),
    ):
        np.testing.assert_array_equal(bytes_of(saved(tmp_path, picture, name)), expected, name)
        np.testing.assert_array_equal(bytes_of(picture), expected, name)


def test_gray_and_colour(tmp_path: Path) -> None:
    """Gray is three equal channels, colours become the luma that Pillow computes, too."""
    image = pytest.importorskip("PIL.Image")
    gray = image.fromarray(PIXELS[..., 0])
    for picture in (gray, gray.convert("LA"), PIXELS[..., 0], PIXELS[..., :1]):
        np.testing.assert_array_equal(bytes_of(picture), PIXELS[..., :1].repeat(3, 2))
        np.testing.assert_array_equal(bytes_of(picture, 1), PIXELS[..., :1])
    colours = RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8)
    luma = np.asarray(image.fromarray(colours).convert("L"))
    np.testing.assert_array_equal(bytes_of(colours, 1)[..., 0], luma)
    bits = image.fromarray((PIXELS[..., 0] > 99).astype(np.uint8) * 255).convert("1")
    path = saved(tmp_path, bits, "bits.png")
    np.testing.assert_array_equal(bytes_of(path, 1)[..., 0], np.where(PIXELS[..., 0] > 99, 255, 0))
    four = bytes_of(gray, 4)
    assert (four[..., 3] == 255).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_sixteen_bits(tmp_path: Path, name: str) -> None:
    """Rounded to eight: 65535 is as bright as 255. (What clips them has 255 nearly everywhere.)"""
    image = pytest.importorskip("PIL.Image")
    levels = np.arange(0, 65536, 7, np.uint16).reshape(-1, 1)[:9000].reshape(90, 100)
    if name == "a.pgm":
        (tmp_path / name).write_bytes(b"P5 100 90 65535\n" + levels.astype(">u2").tobytes())
    else:
        saved(tmp_path, image.fromarray(levels), name)
    found = tensor(tmp_path / name, None, (1, 1, 90, 100), np.uint8)[0, 0]
    np.testing.assert_array_equal(found, np.rint(levels / 257).astype(np.uint8))
    colour = tensor(tmp_path / name, None, (90, 100, 3), np.uint8)
    np.testing.assert_array_equal(colour, found[..., None].repeat(3, 2))


def test_rotated_by_a_camera(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6  # the camera was turned: the top of the scene is on the right
    sideways = image.fromarray(PIXELS).transpose(image.Transpose.ROTATE_90)
    path = saved(tmp_path, sideways, "a.png", exif=exif)
    np.testing.assert_array_equal(bytes_of(path), PIXELS)


def refused_images(folder: Path) -> dict[str, Path]:
    from PIL import Image

    rgb = Image.fromarray(PIXELS)
    veiled = rgb.convert("RGBA")
    veiled.putpixel((0, 0), (1, 2, 3, 254))
    other = Image.fromarray(255 - PIXELS)
    frames = {"save_all": True, "append_images": [other]}
    floats = Image.fromarray(np.linspace(0, 1, 30, dtype=np.float32).reshape(6, 5))
    ints = Image.fromarray(np.arange(30, dtype=np.int32).reshape(6, 5))
    return {
        "transparent in places, and the model has no alpha": saved(folder, veiled, "alpha.png"),
        "transparent in places": saved(folder, rgb.quantize(16), "key.png", transparency=int(
            np.asarray(rgb.quantize(16))[0, 0])),
        "transparent in places,": saved(
            folder, rgb, "tone.png", transparency=tuple(PIXELS[0, 0].tolist())),
        "mode 'F', and it is not known how bright": saved(folder, floats, "float.tif"),
        "mode 'I', and it is not known how bright": saved(folder, ints, "int.tif"),
        "a.gif has 2 images, expected one": saved(folder, rgb, "a.gif", **frames),
        "a.png has 2 images, expected one": saved(folder, rgb, "a.png", **frames),
        "a.tif has 2 images, expected one": saved(folder, rgb, "a.tif", **frames),
    }  # fmt: skip


def test_images_that_are_refused(tmp_path: Path) -> None:
    """Never silently something else."""
    pytest.importorskip("PIL")
    for message, path in refused_images(tmp_path).items():
        with pytest.raises(InputError, match=message):
            tensor(path)
    for source in (
        PIXELS.astype(np.float32),
        PIXELS[None],
        PIXELS[:0],
        np.zeros((6, 5, 2), np.uint8),
    ):
        with pytest.raises(InputError, match="is no image, expected uint8"):
            tensor(source)
    with pytest.raises(InputError, match="a dict is no image"):
        tensor({})
    with pytest.raises(ModelIOError, match="no such file"):
        tensor(tmp_path / "absent.png")


def test_damaged_images(tmp_path: Path) -> None:
    """Cut off or with bytes changed: a typed error, or pixels."""
    image = pytest.importorskip("PIL.Image")
    for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm"):
        data = io.BytesIO()
        image.fromarray(PIXELS).save(data, kind)
        for _ in range(40):
            damaged = bytearray(data.getvalue())
            damaged[RNG.integers(len(damaged))] ^= 1 << RNG.integers(8)
            path = tmp_path / f"a.{kind}"
            path.write_bytes(damaged[: RNG.integers(len(damaged) // 2, len(damaged) + 1)])
            assert attempt(path, None, PLANES) in ("", f"a.{kind}")


# Sounds -------------------------------------------------------------------------------------------


def wav(path: Path, frames: bytes, width: int = 2, channels: int = 1, rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return path


SOUND = np.array([-1, -0.5, 0, 0.25, 0.5, 127 / 128])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_widths_of_samples(tmp_path: Path, width: int) -> None:
    """The same sound in each, exactly."""
    whole = np.rint(SOUND * 2 ** (8 * width - 1)).astype(np.int64) + (128 if width == 1 else 0)
    frames = b"".join(int(v).to_bytes(width, "little", signed=width > 1) for v in whole)
    path = wav(tmp_path / "A.WAV", frames, width)
    audio = AudioInput(16000)
    np.testing.assert_array_equal(tensor(path, audio, (1, 6))[0], SOUND.astype(np.float32))
    short = tensor(path, audio, (6,), np.int16)
    np.testing.assert_array_equal(short, np.rint(SOUND * 32768).astype(np.int16))
    loud = tensor(path, AudioInput(16000, scale=32768), (1, 1, 6))
    np.testing.assert_array_equal(loud[0, 0], np.float32(SOUND * 32768))


def test_channels_and_lengths(tmp_path: Path) -> None:
    stereo = np.stack([np.arange(6), np.arange(6) + 2], 1).astype("<i2")
    path = wav(tmp_path / "a.wav", stereo.tobytes(), channels=2)
    for source in (path, stereo, stereo / 32768):
        mono = tensor(source, AudioInput(16000, scale=32768), (1, 6))
        np.testing.assert_array_equal(mono[0], np.arange(6) + 1)
        both = tensor(source, AudioInput(16000, scale=32768, mono=False), (1, 2, 6))
        np.testing.assert_array_equal(both[0], stereo.T)
    fitted = AudioInput(16000, scale=32768, length="pad_or_trim")
    np.testing.assert_array_equal(tensor(path, fitted, (4,)), np.arange(4) + 1)
    np.testing.assert_array_equal(tensor(path, fitted, (8,)), [1, 2, 3, 4, 5, 6, 0, 0])


def test_sounds_that_are_refused(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", bytes(12), rate=44100)
    floats = bytearray(path.read_bytes())
    floats[20:22] = struct.pack("<H", 3)  # WAVE_FORMAT_IEEE_FLOAT
    (tmp_path / "float.wav").write_bytes(floats)
    (tmp_path / "cut.wav").write_bytes(wav(tmp_path / "b.wav", bytes(12)).read_bytes()[:-4])
    audio = AudioInput(16000)
    for source, description, shape, message in (
        (path, audio, (1, 6), "44100 samples a second, the model takes 16000.*-ar 16000"),
        (path, AudioInput(44100), (1, 7), "has 6 samples, the model takes 7.*pad_or_trim"),
        (path, AudioInput(44100, mono=False), (2, 3), "has 1 channels, expected 2"),
        (path, None, (1, 6), "state its rate, as --rate 16000"),
        (path, audio, (2, 6), r"float32\[2, 6\], is no sound, expected floats or int16"),
        (tmp_path / "float.wav", AudioInput(44100), (6,), "no WAV file of integers.*pcm_s16le"),
        (tmp_path / "cut.wav", audio, (6,), "has 4 samples, of 6 that its header tells"),
        (wav(tmp_path / "none.wav", b""), audio, (6,), "has 0 samples, of 0"),
        (tmp_path / "no.wav", audio, (6,), "No such file"),
        ([1.0, np.nan], audio, (2,), "is no sound"),
    ):
        with pytest.raises(EdgertError, match=message):
            tensor(source, description, shape)


def test_damaged_sounds(tmp_path: Path) -> None:
    whole = wav(tmp_path / "a.wav", bytes(range(200)), 2, 2).read_bytes()
    for i in range(44 * 8):
        damaged = bytearray(whole)
        damaged[i // 8] ^= 1 << i % 8
        (tmp_path / "a.wav").write_bytes(damaged)
        assert attempt(tmp_path / "a.wav", AudioInput(16000), (1, 50)) in ("", "a.wav")


# Descriptions -------------------------------------------------------------------------------------


class Info:
    """An input."""

    def __init__(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> None:
        self.name, self.shape, self.dtype = name, shape, np.dtype(dtype)


INFOS = [Info("image", (1, 3, 8, 8)), Info("state", (2, 1, 128)), Info("n", (1,), np.int64)]

BAD = [
    ("[]", "an object"),
    ("{", "not JSON"),
    ("[" * 5000, "not JSON"),
    ('{"image": 5}', "image is 5"),
    ('{"image": {}}', "image: type is None, expected one of"),
    ('{"image": {"type": ["image"]}}', "image: type is"),
    ('{"image": {"type": "image", "size": 3}}', "'size' is not known"),
    ('{"image": {"type": "image", "scale": NaN}}', "NaN is no number"),
    ('{"image": {"type": "image", "scale": 1e999}}', "scale is inf"),
    ('{"image": {"type": "image", "scale": 1%s}}' % ("0" * 400), "scale is 1000"),
    ('{"image": {"type": "image", "scale": true}}', "scale is True"),
    ('{"image": {"type": "image", "scale": 0}}', "scale is 0"),
    ('{"image": {"type": "image", "scale": 1, "scale": 1}}', "scale is 'given twice'"),
    ('{"image": {"type": "image", "mean": "0"}}', "mean is '0'"),
    ('{"image": {"type": "image", "mean": [0, 0]}}', "mean is"),
    ('{"image": {"type": "image", "mean": [123.675, 116.28, 103.53]}}', "needs scale 1"),
    ('{"image": {"type": "image", "mean": [0, 0, 0, 0]}}', "mean has 4 numbers, input 'image' 3"),
    ('{"image": {"type": "image", "std": [1, 0, 1]}}', "std is"),
    ('{"image": {"type": "image", "std": 1e-300}}', "std is"),
    ('{"image": {"type": "image", "fill": 256}}', "fill is"),
    ('{"image": {"type": "image", "fill": 0.5}}', "fill is"),
    ('{"image": {"type": "image", "color": "rgb"}}', "color is 'rgb', expected one of"),
    ('{"image": {"type": "image", "color": null}}', "color is None"),
    ('{"image": {"type": "image", "resize": {}}}', "resize is"),
    ('{"image": {"type": "image", "crop_pct": 0}}', "crop_pct is 0"),
    ('{"image": {"type": "image", "interpolation": "cubic"}}', "interpolation is"),
    ('{"image": {"type": "image", "layout": "NHWC"}}', "channels in NHWC"),
    ('{"other": {"type": "image"}}', "there is no input 'other'"),
    ('{"n": {"type": "image"}}', r"'n' of shape \[1\] is no image"),
    ('{"n": {"type": "audio", "rate": 8000}}', r"'n', int64\[1\], is no sound"),
    ('{"state": {"type": "audio", "rate": 8000}}', "is no sound"),
    ('{"state": {"type": "audio"}}', "rate is missing"),
    ('{"state": {"type": "audio", "rate": 8000.0}}', "rate is 8000.0"),
    ('{"state": {"type": "audio", "rate": 1e9}}', "rate is"),
    ('{"state": {"type": "audio", "rate": -1}}', "rate is -1"),
    ('{"state": {"type": "audio", "rate": 8000, "mono": 1}}', "mono is 1"),
    ('{"state": {"type": "audio", "rate": 8000, "length": []}}', "length is"),
    ('{"image": "%s"}' % ("x" * 70000), "at most 65536"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_descriptions(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        describe(from_json(text), INFOS)


def test_what_is_written_is_read() -> None:
    """With every member, so that defaults of another version change nothing."""
    infos = [*INFOS[:1], Info("sound", (1, 99))]
    given = {
        "image": ImageInput(mean=(0.1, 0.2, 0.3), color="BGR", resize="letterbox", fill=(1, 2, 3)),
        "sound": AudioInput(8000, length="pad_or_trim"),
    }
    text = inputs_text(given)
    assert describe(from_json(text), infos) == given
    assert inputs_text(describe(from_json(text), infos)) == text
    assert set(json.loads(inputs_text({"image": ImageInput()}))["image"]) == {
        "type", "scale", "mean", "std", "color", "resize", "crop_pct", "fill", "interpolation",
        "layout",
    }  # fmt: skip


def test_one_description_is_for_the_input_that_it_suits(tmp_path: Path) -> None:
    assert describe(ImageInput(), INFOS) == {"image": ImageInput()}
    (tmp_path / "p.json").write_text('{"type": "image", "color": "BGR"}')
    assert describe(tmp_path / "p.json", INFOS) == {"image": ImageInput(color="BGR")}
    with pytest.raises(InputError, match=r"2 inputs suit a description of image.*a float32 \[1, 3"):
        describe(ImageInput(), [Info("a", (1, 3, 4, 4)), Info("b", (1, 3, 4, 4))])
    (tmp_path / "p.json").write_text("{")
    with pytest.raises(InputError, match=r"p\.json: not JSON"):
        describe(tmp_path / "p.json", INFOS)
    with pytest.raises(ModelIOError, match=r"no\.json: No such file"):
        describe(tmp_path / "no.json", INFOS)


def test_changes() -> None:
    assert change(None, {"color": "BGR"}) == ImageInput(color="BGR")
    assert change(None, {"rate": 8000, "scale": 2.0}) == AudioInput(8000, scale=2.0)
    both = {"a": ImageInput(), "b": AudioInput(8000)}
    assert change(both, {"scale": 1, "rate": 16000}) == {
        "a": ImageInput(scale=1), "b": AudioInput(16000, scale=1)
    }  # fmt: skip
    assert change({"type": "image"}, {"mean": 1.0}) == ImageInput(mean=1.0)
    assert change(both, {}) is both
    with pytest.raises(InputError, match="no input has color"):
        change(AudioInput(8000), {"color": "BGR"})
