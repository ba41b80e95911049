"""The report page in a real browser, without a network.

    GROMOV_PAGE=/path/to/page.html python -m pytest tests/page

Needs Debian's chromium and chromium-driver (or CHROMIUM and CHROMEDRIVER). For the page of `gromov demo`
and those of `gromov flow` and `gromov distance` with --report; the tests of absent parts are skipped.
"""

import json
import os
import pathlib
import time

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PAGE = os.environ.get("GROMOV_PAGE")
pytestmark = pytest.mark.skipif(not PAGE, reason="GROMOV_PAGE is not set")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1280,900",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.get("about:blank")
    time.sleep(1)
    driver.get_log("performance")  # what the browser itself did to start
    yield driver
    driver.quit()


@pytest.fixture
def page(browser):
    browser.get(pathlib.Path(PAGE).resolve().as_uri())
    wait(browser, lambda: browser.execute_script("return Boolean(window.gromov)"))
    return browser


def wait(browser, condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def state(page, index):
    return page.execute_script(f"return window.gromov.sections[{index}].state()")


def points(page, index):
    return [p["points"] for p in state(page, index)["players"]]


def moving_sections(page):
    first(page, ".play")
    return [s for s in page.find_elements(By.TAG_NAME, "section") if s.find_elements(By.CSS_SELECTOR, ".play")]


def index_of(section):
    return int(section.get_attribute("data-section"))


def first(page, selector):
    found = page.find_elements(By.CSS_SELECTOR, selector)
    if not found:
        pytest.skip(f"the page has no {selector}")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", found[0])
    return found[0]


def picture(page, canvas):
    return page.execute_script("return arguments[0].toDataURL()", canvas)


def drawn(page):
    """Waits until the requested frames are drawn."""
    page.execute_async_script("const f = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(f))")


def test_play_moves_every_cloud_and_the_slider(page):
    for section in moving_sections(page):
        i = index_of(section)
        page.execute_script(f"window.gromov.sections[{i}].seek(-1e300)")
        before = points(page, i)
        button = section.find_element(By.CSS_SELECTOR, ".play")
        slider = section.find_element(By.CSS_SELECTOR, ".time")
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        assert button.get_attribute("aria-label") == "Pause"
        wait(page, lambda: int(slider.get_property("value")) > 30)
        button.click()
        assert button.get_attribute("aria-label") == "Play" and not state(page, i)["playing"]
        after = points(page, i)
        assert all(a != b for a, b in zip(after, before, strict=True))
        rest = points(page, i)
        time.sleep(0.2)
        assert points(page, i) == rest


def test_the_slider_moves_the_clouds_and_the_markers(page):
    for section in moving_sections(page):
        i = index_of(section)
        canvases = section.find_elements(By.CSS_SELECTOR, "[data-stage=players] canvas.cloud")
        slider = section.find_element(By.CSS_SELECTOR, ".time")

        def put(value, slider=slider):
            page.execute_script(
                "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, value
            )
            drawn(page)

        put(200)
        before, pictures = points(page, i), [picture(page, c) for c in canvases]
        markers = [m.get_attribute("x1") for m in section.find_elements(By.CSS_SELECTOR, ".marker")]
        put(800)
        assert state(page, i)["value"] == 800
        assert all(a != b for a, b in zip(points(page, i), before, strict=True))
        assert all(picture(page, c) != p for c, p in zip(canvases, pictures, strict=True))
        for marker, x in zip(section.find_elements(By.CSS_SELECTOR, ".marker"), markers, strict=True):
            assert float(marker.get_attribute("x1")) > float(x)


def test_keys(page):
    section = moving_sections(page)[0]
    i = index_of(section)
    slider = section.find_element(By.CSS_SELECTOR, ".time")
    page.execute_script(f"window.gromov.sections[{i}].seek(-1e300)")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert state(page, i)["value"] == 1
    slider.send_keys(Keys.SPACE)
    wait(page, lambda: state(page, i)["value"] > 20)
    slider.send_keys(Keys.SPACE)
    assert not state(page, i)["playing"]


def test_the_frame_switch_changes_the_points(page):
    box = first(page, ".switch")
    section = box.find_element(By.XPATH, "ancestor::section")
    i = index_of(section)
    label = box.find_element(By.XPATH, "..").text
    assert label
    before = points(page, i)
    box.click()
    assert points(page, i) != before
    assert any(p["switched"] for p in state(page, i)["players"])
    box.click()
    assert points(page, i) == before


def test_dragging_turns_all_pictures_in_space_together(page):
    canvas = first(page, "[data-stage=players] canvas.turns")
    section = canvas.find_element(By.XPATH, "ancestor::section")
    i = index_of(section)
    canvases = section.find_elements(By.CSS_SELECTOR, "[data-stage=players] canvas.turns")
    drawn(page)
    start = points(page, i)
    before, camera = [picture(page, c) for c in canvases], state(page, i)["camera"]
    ActionChains(page).move_to_element(canvas).click_and_hold().move_by_offset(60, 25).release().perform()
    drawn(page)
    assert all(picture(page, c) != p for c, p in zip(canvases, before, strict=True))
    assert state(page, i)["camera"] != camera and points(page, i) == start
    before = picture(page, canvas)
    canvas.send_keys(Keys.ARROW_LEFT)
    drawn(page)
    assert picture(page, canvas) != before
    section.find_element(By.CSS_SELECTOR, ".reset").click()
    assert state(page, i)["camera"] == camera


def test_lines_of_a_matching_can_be_hidden(page):
    box = first(page, "[data-stage=matching] .lines")
    canvas = first(page, "[data-stage=matching] canvas.cloud")
    drawn(page)
    before = picture(page, canvas)
    page.execute_script("arguments[0].click()", box)
    drawn(page)
    assert picture(page, canvas) != before


def test_reduced_motion_steps_and_does_not_glide(page):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    try:
        i = index_of(moving_sections(page)[0])
        page.execute_script(f"window.gromov.sections[{i}].seek(-1e300); window.gromov.sections[{i}].play()")
        values = set()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            values.add(state(page, i)["value"])
        page.execute_script(f"window.gromov.sections[{i}].pause()")
        assert 2 <= len(values) <= 8
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_fits_a_narrow_phone(page):
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 3, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        drawn(page)
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        for canvas in page.find_elements(By.CSS_SELECTOR, "canvas.cloud"):
            assert canvas.get_property("width") == 3 * canvas.get_property("clientWidth")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_that_can_be_used_has_a_name(page):
    for element in page.find_elements(By.CSS_SELECTOR, "button, input, select, canvas.cloud, svg"):
        assert element.accessible_name, element.get_attribute("outerHTML")[:200]


def test_no_request_and_no_console_message(page):
    """Last: the logs cover all tests above, since each loads the page again."""
    messages = [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert messages == []
    own = pathlib.Path(PAGE).resolve().as_uri()
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert own in asked
    assert [url for url in asked if url != own] == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
