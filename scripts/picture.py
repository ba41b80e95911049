"""Makes docs/horse.png: the two horses of the demonstration side by side, as its page opens.

    gromov demo --out demo-out
    python scripts/picture.py demo-out/demo.html

Needs selenium and pillow, and Debian's chromium and chromium-driver (or CHROMIUM and CHROMEDRIVER).
"""

import base64
import io
import os
import sys
from pathlib import Path

from PIL import Image
from selenium import webdriver

OUT = Path(__file__).parent.parent / "docs/horse.png"
WIDTH, HEIGHT, SCALE = 1120, 800, 1.5

options = webdriver.ChromeOptions()
options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
    options.add_argument(flag)
driver = webdriver.Chrome(
    options=options, service=webdriver.ChromeService(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
)
try:
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": SCALE, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", light)
    driver.get(Path(sys.argv[1]).resolve().as_uri())
    # names and pictures, without the switch below them
    left, top, right, bottom = driver.execute_async_script("""
        const done = arguments[0];
        const captions = [...document.querySelectorAll("[data-section='0'] figcaption")];
        const canvases = [...document.querySelectorAll("[data-section='0'] canvas.cloud")];
        requestAnimationFrame(() => requestAnimationFrame(() => {
          const from = captions[0].getBoundingClientRect(), to = canvases.at(-1).getBoundingClientRect();
          done([from.left + scrollX, from.top + scrollY, to.right + scrollX, to.bottom + scrollY]);
        }));
    """)
    margin = 12
    clip = {"x": left - margin, "y": top - margin, "scale": 1}
    clip |= {"width": right - left + 2 * margin, "height": bottom - top + 2 * margin}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
finally:
    driver.quit()
OUT.parent.mkdir(exist_ok=True)
picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
picture.quantize(256, dither=Image.Dither.NONE).save(OUT, optimize=True)
print(OUT.name, OUT.stat().st_size, "bytes")
