"""Times our media work against the ffmpeg command line doing the same, in one run.

    python bench/ffmpeg.py [ROUNDS]

Both sides take turns, and the median of ROUNDS (default 7) counts. The command line is the one that
FFMPEG names, or the one on the PATH; the package imageio-ffmpeg brings one. Its time includes the
start of its process, ours does not include imports: that is how either is used.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from cutscene.media.ahead import ahead
from cutscene.media.blend import Blend
from cutscene.media.encode import Encoder
from cutscene.media.frames import Frame, read_frames, to_video
from cutscene.media.join import Part, Timing, joined
from cutscene.media.loop import LoopPlan, looped
from cutscene.media.loop_search import Cut
from cutscene.media.overlay import Overlays
from cutscene.media.poster import draw_poster
from cutscene.media.probe import probe
from cutscene.media.seam import Seam
from cutscene.overlays import PictureOverlay, Place
from cutscene.providers.local.renderer import Shot, render
from cutscene.specs import Easing

WIDTH, HEIGHT, FRAMES, BLEND = 1280, 720, 96, 12
X264 = "mbtree=0:rc-lookahead=0:scenecut=0:b-adapt=0:weightp=0:ipratio=1.1:pbratio=1.1:aq-mode=3"
CODING = f"-c:v libx264 -preset superfast -crf 18 -x264-params {X264} -threads 2 -movflags +faststart".split()


class Bench:
    """Clips to work on, and both ways to do each piece of work."""

    def __init__(self, ffmpeg: str, folder: Path) -> None:
        self._ffmpeg, self._folder, self._out = ffmpeg, folder, folder / "out.mp4"
        self._clip = self._rendered("clip", WIDTH, HEIGHT, FRAMES)
        self._longer = self._rendered("longer", WIDTH, HEIGHT, FRAMES + BLEND)
        self._large = self._rendered("large", 1920, 1080, FRAMES)
        self._facts = {path: probe(path) for path in (self._clip, self._large)}
        self._logo = folder / "logo.png"
        rows, columns = np.mgrid[0:120, 0:320]
        alpha = np.clip(255 - np.hypot(rows - 60, columns - 160), 0, 255)
        Image.fromarray(np.dstack([rows * 2, columns % 256, rows, alpha]).astype(np.uint8)).save(self._logo)

    def works(self) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
        """By name: ours, and the command line's."""
        return {
            "probe (decode all)": (
                lambda: probe(self._clip),
                lambda: self._run("-i", self._clip, "-f", "null", "-"),
            ),
            "poster": (lambda: draw_poster(self._clip), self._poster),
            "conform 1080p to 720p": (
                self._conformed,
                lambda: self._encode("-i", self._large, "-vf", "scale=1280:720"),
            ),
            "crossfade loop": (self._loop, self._xfade),
            "join of two": (self._joined, self._concat),
            "logo overlay": (self._drawn, self._overlay),
        }

    def _rendered(self, name: str, width: int, height: int, frames: int) -> Path:
        path = self._folder / f"{name}.mp4"
        shot = Shot(
            prompt="a castle at dusk",
            image=None,
            width=width,
            height=height,
            frames=frames,
            seed=2,
            loop=False,
        )
        render(shot, path)
        return path

    def _conformed(self) -> None:
        part = Part(path=self._large, facts=self._facts[self._large])
        self._write(joined([part], Timing(frames=FRAMES, step=1 / 24), WIDTH, HEIGHT))

    def _loop(self) -> None:
        plan = LoopPlan(
            cut=Cut(start=0, frames=FRAMES, blend=BLEND),
            frames=FRAMES,
            wanted=FRAMES,
            blend=Blend(frames=BLEND, easing=Easing.LINEAR, morph=False),
            seam=Seam(score=0, jump=0, turn=0, hitch=0),
        )
        self._write(looped(read_frames(self._longer), plan))

    def _joined(self) -> None:
        facts = self._facts[self._clip]
        parts = [Part(path=self._clip, facts=facts), Part(path=self._clip, facts=facts, repeats=True)]
        self._write(joined(parts, Timing(frames=2 * FRAMES - 1, step=1 / 24), WIDTH, HEIGHT))

    def _drawn(self) -> None:
        logo = PictureOverlay(image="logo", place=Place.LOGO)
        pictures = {"logo": self._logo.read_bytes()}
        overlays = Overlays(
            [logo], width=WIDTH, height=HEIGHT, fps=24, frames=FRAMES, loop=False, pictures=pictures
        )

        def drawn() -> Iterable[Frame]:
            for number, frame in enumerate(read_frames(self._clip)):
                overlays.draw(frame, number)
                yield frame

        self._write(drawn())

    def _write(self, frames: Iterable[Frame]) -> None:
        with Encoder(self._out, width=WIDTH, height=HEIGHT) as encoder:
            for frame in ahead(frames):
                encoder.write(to_video(frame))

    def _poster(self) -> None:
        chosen = "select='not(mod(n,12))',thumbnail=8"
        self._run("-i", self._clip, "-vf", chosen, "-frames:v", "1", "-q:v", "3", self._folder / "poster.jpg")

    def _xfade(self) -> None:
        seconds, offset = BLEND / 24, (FRAMES - BLEND) / 24
        graph = (
            f"[0]split[a][b];[a]trim=start_frame={BLEND},setpts=PTS-STARTPTS[main];"
            f"[b]trim=end_frame={BLEND},setpts=PTS-STARTPTS[head];"
            f"[main][head]xfade=duration={seconds}:offset={offset}"
        )
        self._encode("-i", self._longer, "-filter_complex", graph)

    def _concat(self) -> None:
        graph = "[1]trim=start_frame=1,setpts=PTS-STARTPTS[b];[0][b]concat"
        self._encode("-i", self._clip, "-i", self._clip, "-filter_complex", graph)

    def _overlay(self) -> None:
        graph = "[1]scale=180:-1[logo];[0][logo]overlay=W-w-64:36"
        self._encode("-i", self._clip, "-i", self._logo, "-filter_complex", graph)

    def _encode(self, *arguments: str | Path) -> None:
        self._run(*arguments, *CODING, self._out)

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run([self._ffmpeg, "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)  # noqa: S603 -- what is measured


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    ffmpeg = find_ffmpeg()
    asked = subprocess.run([ffmpeg, "-version"], capture_output=True, text=True, check=True)  # noqa: S603 -- the same
    print(f"ffmpeg {asked.stdout.split()[2]} against {av.ffmpeg_version_info} in PyAV, medians of {rounds}")
    with tempfile.TemporaryDirectory() as folder:
        works = Bench(ffmpeg, Path(folder)).works()
        print(f"{'work':24} {'ours':>7} {'ffmpeg':>7} {'ratio':>6}")
        ratios = [compare(name, *sides, rounds) for name, sides in works.items()]
    print(f"{'median':24} {'':15} {statistics.median(ratios):6.2f}")


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> float:
    times = [(timed(ours), timed(theirs)) for _ in range(rounds)]
    mine, other = (float(statistics.median(side)) for side in zip(*times, strict=True))
    print(f"{name:24} {mine:7.2f} {other:7.2f} {mine / other:6.2f}")
    return mine / other


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def find_ffmpeg() -> str:
    found = os.environ.get("FFMPEG") or shutil.which("ffmpeg")
    if found is None:
        sys.exit("No ffmpeg here: name one with FFMPEG=...; the package imageio-ffmpeg brings one.")
    return found


if __name__ == "__main__":
    main()
