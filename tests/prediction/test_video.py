"""Videos in, videos out: times, rate and rotation are kept.  FFmpeg's test pattern stands in for a camera."""

import re
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.prediction import video
from atrous.prediction.writers import Exported
from atrous.report.exports import Indices

av = pytest.importorskip("av")
TIMES = [0, 100, 230, 300, 430, 500]  # milliseconds: no constant rate


@pytest.fixture(scope="module")
def model(varied):
    return atrous.load(varied, device="cpu")


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    """A video of 62x48 pixels that is shown turned by a quarter: its upper half is light when it is shown."""
    path = tmp_path_factory.mktemp("video") / "drive.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 62, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.set_display_rotation(90)
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for number, when in enumerate(TIMES):
            image = np.full((48, 62, 3), 10 * number, np.uint8)
            image[:, 31:] = 200  # counterclockwise by a quarter, right becomes up
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = when, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames_of(path):
    with av.open(str(path)) as container:
        found = [
            (frame.pts * frame.time_base, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]
        return found, container.streams.video[0]


def test_times_and_rotation_are_kept_and_frames_written(model, drive, tmp_path):
    writer = Exported(Indices())
    (said,), unreadable = video.predict_video(model, str(drive), [writer], tmp_path, 4, 0.0)
    assert unreadable == []
    assert said["frames"] == len(TIMES)
    found, stream = frames_of(tmp_path / "drive.mp4")
    assert stream.codec_context.name == "h264"
    assert stream.sample_aspect_ratio == Fraction(1, 2)  # turned with the picture
    assert [1000 * when for when, _ in found] == TIMES
    assert [image.shape for _, image in found] == [(62, 48, 3)] * len(TIMES)
    for number, (_, image) in enumerate(found):  # opacity 0: the pictures themselves
        assert abs(image[:28].mean() - 200) < 8
        assert abs(image[34:].mean() - 10 * number) < 8
    assert sorted(path.name for path in (tmp_path / "predictions" / "drive").iterdir()) == [
        f"{number:06d}.png" for number in range(len(TIMES))
    ]
    with video.opened(str(drive)) as source:
        first = next(source.frames)
    written = np.array(Image.open(tmp_path / "predictions/drive/000000.png"))
    assert np.array_equal(written, model.predict(first.image))


def test_a_part_of_it(model, drive, tmp_path):
    (said,), _ = video.predict_video(model, str(drive), [], tmp_path, 1, 0.5, seconds=0.3)
    assert said["frames"] == 3
    assert len(frames_of(tmp_path / "drive.mp4")[0]) == 3


def test_frames_are_read_one_after_another(model, tmp_path, monkeypatch):
    """Of an endless source as many are read as are wanted; Ctrl-C leaves a whole video."""
    pattern = video.opened("testsrc=size=33x31:rate=10", format_name="lavfi")
    monkeypatch.setattr(video, "opened", lambda given: pattern)
    seen = []

    def interrupted(images):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(images)
        return np.zeros((len(images), *images[0].shape[:2]), np.uint8)

    monkeypatch.setattr(model, "label", interrupted)
    (said,), _ = video.predict_video(model, "camera", [], tmp_path, 1, 0.5)
    assert said["frames"] == 3
    found, _ = frames_of(tmp_path / "camera.mp4")
    assert len(found) == 3
    assert found[0][1].shape == (32, 34, 3)  # sides become even


def test_what_is_no_video_is_told(model, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video")
    with pytest.raises(ValueError, match=r"broken.mp4: cannot be opened as a video"):
        video.predict_video(model, str(broken), [], tmp_path, 1, 0.5)
    with pytest.raises(ValueError, match=r"input=nothing.mp4: cannot be opened as a video \(No such file"):
        video.predict_video(model, "nothing.mp4", [], tmp_path, 1, 0.5)


def test_of_a_damaged_video_the_begin_is_kept_and_the_rest_told(model, drive, tmp_path, monkeypatch):
    with video.opened(str(drive)) as whole:
        frames = list(whole.frames)

    def damaged():
        yield from frames[:2]
        raise av.error.InvalidDataError(1094995529, "Invalid data found when processing input")

    @contextmanager
    def opened(given):
        yield whole._replace(frames=damaged())

    monkeypatch.setattr(video, "opened", opened)
    (said,), (told,) = video.predict_video(model, str(drive), [], tmp_path, 4, 0.5)
    assert said["frames"] == 2
    assert "damaged (Invalid data" in told["reason"]
    assert len(frames_of(tmp_path / "drive.mp4")[0]) == 2


def test_a_video_that_ends_early_is_told(model, tmp_path):
    """Half of a file, as an unfinished copy leaves it; but nothing where only its begin is wanted."""
    for folder in "abc":
        (tmp_path / folder).mkdir()
    whole, half = tmp_path / "whole.mkv", tmp_path / "half.mkv"
    noise = np.random.default_rng(0)
    with av.open(str(whole), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(60):
            image = noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    later = tmp_path / "later.mkv"  # as a piece of a longer one: its times begin at 50 seconds
    with av.open(str(whole)) as source, av.open(str(later), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts + 50_000, packet.dts + 50_000, stream
                target.mux(packet)
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert video.predict_video(model, str(whole), [], tmp_path / "a", 8, 0.5)[1] == []
    assert video.predict_video(model, str(later), [], tmp_path / "a", 8, 0.5)[1] == []
    assert video.predict_video(model, str(half), [], tmp_path / "c", 8, 0.5, seconds=1)[1] == []
    (said,), (told,) = video.predict_video(model, str(half), [], tmp_path / "b", 8, 0.5)
    assert 20 < said["frames"] < 40
    assert re.search(r"half\.mkv: ends after [23]\.\d of 6\.0 seconds", told["reason"])
    assert len(frames_of(tmp_path / "b" / "half.mp4")[0]) == said["frames"]


@pytest.mark.parametrize(
    ("given", "said"), [("camera:97", "no camera 97 here"), ("camera:front", "expected camera, or camera:1")]
)
def test_no_camera_is_told(model, tmp_path, given, said):
    with pytest.raises(ValueError, match=said):
        video.predict_video(model, given, [], tmp_path, 1, 0.5)


class Camera:
    """What OpenCV gives for a camera, for three pictures."""

    def __init__(self, number):
        assert number == 2
        self.left = 3

    def isOpened(self):
        return True

    def get(self, key):
        return 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((8, 10, 3), (255, 0, 0), np.uint8)

    def release(self):
        self.left = None


def test_a_camera_gives_blue_green_red(model, tmp_path, monkeypatch):
    monkeypatch.setattr("cv2.VideoCapture", Camera)
    with video.opened("camera:2") as source:
        frames = list(source.frames)
    assert [frame.image[0, 0].tolist() for frame in frames] == [[0, 0, 255]] * 3
    times = [frame.time for frame in frames]
    assert sorted(set(times)) == times
