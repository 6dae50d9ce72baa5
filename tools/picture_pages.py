"""Pictures of pages for docs/, taken in a Chromium without a window.

python tools/picture_pages.py PAGE.html PICTURE.jpg [WIDTH [HEIGHT]]
    as report.html of an evaluation, comparison.html, or a page of build/site
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def take(page: Path, picture: Path, width: int, height: int) -> None:
    """The top of a page that lies on disk, as a JPEG."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": width, "height": height})
        opened.goto(page.resolve().as_uri())
        opened.screenshot(path=picture, type="jpeg", quality=80)
        wide = opened.evaluate("document.documentElement.scrollWidth")
        print(f"{picture}: {picture.stat().st_size // 1000} kB; the page is {wide} of {width} pixels wide")
        browser.close()


if __name__ == "__main__":
    sizes = [int(size) for size in sys.argv[3:]]
    take(Path(sys.argv[1]), Path(sys.argv[2]), *sizes, *(1200, 900)[len(sizes) :])
