"""How soon each page of the editor can be used, with an empty cache.

    python -m benchmarks.desk

In Chromium, each time in a new profile: from the request until the page's scripts have run
(``domContentLoadedEventEnd``), and how much came over the wire. The floor is a page of this
service that has nothing in it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browsing import ARGUMENTS, CHROMIUM, sign_up
from tests.service import ROOT, Service

ROUNDS = 9
FLOOR = "/healthz"
WAITED_FOR = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const all = [page, ...performance.getEntriesByType("resource")];
  return [
    page.domContentLoadedEventEnd - page.requestStart,
    all.reduce((sum, one) => sum + one.transferSize, 0),
  ];
}"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page, opened some times.

    :param milliseconds: of each time, from the request until it could be used.
    :param size: octets, heads included, that it took with everything it needs.
    """

    path: str
    milliseconds: tuple[float, ...]
    size: int


def measure(service: Service, browser: Browser) -> list[Opened]:
    """Every page that an editor comes to, and the floor."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{service.port}")
    page = context.new_page()
    sign_up(page, service)
    page.goto("/editor/?state=published")
    article = page.locator("table a").first.get_attribute("href")
    links = page.locator("nav[aria-label=Editor] a").evaluate_all(
        "all => all.map(one => one.getAttribute('href'))"
    )
    paths = dict.fromkeys([FLOOR, "/editor/sign-in", *links, article, f"{article}/versions"])
    opened = [_opened(browser, context, str(path)) for path in paths]
    context.close()
    return opened


def _opened(browser: Browser, signed_in: BrowserContext, path: str) -> Opened:
    base_url = signed_in.pages[0].url.split("/editor/")[0]
    found = []
    for _ in range(ROUNDS):
        fresh = browser.new_context(base_url=base_url, storage_state=signed_in.storage_state())
        page = fresh.new_page()
        page.goto(path, wait_until="load")
        found.append(page.evaluate(WAITED_FOR))
        fresh.close()
    return Opened(path, tuple(time for time, _ in found), max(size for _, size in found))


def show(opened: list[Opened]) -> str:
    """As lines of a table."""
    floor = median(opened[0].milliseconds)
    return "\n".join(
        f"{one.path[:48]:<50}{median(one.milliseconds):>6.0f} ms, worst"
        f" {max(one.milliseconds):>4.0f} ms, {median(one.milliseconds) / floor:>4.1f} times the"
        f" floor, {one.size / 1000:>5.1f} kB"
        for one in opened
    )


def main() -> None:
    """Start a service with samples, open everything, print it."""
    arguments = ("--samples", str(ROOT / "data/samples"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        url = f"sqlite:///{folder}/feedsvc.db"
        with Service(Path(folder), url, clock=False, arguments=arguments) as service:
            service.start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            print(f"Pages of the desk, medians of {ROUNDS} times with an empty cache\n")
            print(show(measure(service, browser)))
            browser.close()


if __name__ == "__main__":
    main()
