"""The page that steps through a graph, in a real browser: with the mouse, the keyboard, in the dark and on paper."""

import os
import subprocess
import sys

import pytest

from backhand.drawing import draw


@pytest.fixture
def apple_page(apples, tmp_path, open_page):
    draw(apples, tmp_path / "apple.html", title="Two apples")
    return open_page(tmp_path / "apple.html")


@pytest.fixture
def network_page(network, tmp_path, open_page):
    draw(network, tmp_path / "network.html")
    return open_page(tmp_path / "network.html")


def step(page):
    return page.locator("#count").inner_text()


def heading(page):
    return page.locator("#step h2").inner_text()


def cards(page):
    return [text.split("\n")[0::1] for text in page.locator("#step .card").all_inner_texts()]


def numbers(page):
    return page.locator("#step .card .number").all_inner_texts()


def shown(page, selector):
    """The texts that can be seen, of those that the selector finds."""
    return [item.text_content() for item in page.locator(selector).all() if item.is_visible()]


def test_the_buttons_walk_forward_and_then_backward(apple_page):
    page = apple_page
    assert page.title() == "Two apples"
    assert step(page) == "4 steps"
    assert shown(page, ".gradient text") == ["2.2", "110", "1.1", "200", "1"], "at first everything is seen"
    page.get_by_role("button", name="One step on").click()
    assert step(page) == "1 / 4"
    assert heading(page).endswith("(apple * apple_num) = apple × apple_num")
    assert numbers(page) == ["100", "2", "200"]
    assert shown(page, ".forward text") == ["100", "2", "200", "1.1"], "220 is not computed yet"
    assert shown(page, ".gradient text") == []
    page.get_by_role("button", name="One step on").click()
    assert shown(page, ".forward text") == ["100", "2", "200", "1.1", "220"]
    page.get_by_role("button", name="One step on").click()
    assert heading(page).startswith("Backward")
    assert numbers(page) == ["1", "1.1", "1.1", "1", "200", "200"], "upstream, local and their product, twice"
    assert sorted(shown(page, ".gradient text")) == ["1", "1.1", "200"]
    page.get_by_role("button", name="To the last step").click()
    assert step(page) == "4 / 4"
    assert numbers(page) == ["1.1", "2", "2.2", "1.1", "100", "110"]
    page.get_by_role("button", name="One step back").click()
    assert step(page) == "3 / 4"
    page.get_by_role("button", name="To the whole figure").click()
    assert step(page) == "4 steps"


def test_keys_and_slider(apple_page):
    page = apple_page
    for key, wanted in [
        ("ArrowRight", "1 / 4"),
        ("ArrowRight", "2 / 4"),
        ("ArrowLeft", "1 / 4"),
        ("End", "4 / 4"),
        ("ArrowRight", "4 / 4"),
        ("Home", "4 steps"),
        ("ArrowLeft", "4 steps"),
    ]:
        page.keyboard.press(key)
        assert step(page) == wanted
    page.locator("#slider").fill("3")
    assert step(page) == "3 / 4"
    page.locator("#slider").fill("1")
    page.locator("#slider").focus()
    page.keyboard.press("ArrowRight")
    assert step(page) == "2 / 4", "the slider's own keys move one step, not two"


def test_a_node_goes_to_its_step(apple_page):
    page = apple_page
    page.locator(".op").nth(1).click()
    assert step(page) == "2 / 4"
    page.keyboard.press("End")
    page.locator(".op").nth(1).click()
    assert step(page) == "3 / 4", "on the way back, to its backward step"


def test_the_whole_page_works_from_the_keyboard(network_page):
    page = network_page
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
        )
    assert seen[:4] == ["To the whole figure", "One step back", "One step on", "To the last step"]
    assert seen[4] == "Step"
    layers = [label for label in seen if label.startswith(("Affine", "Relu"))]
    assert [label.split(":")[0] for label in layers] == ["Affine[0]", "Relu", "Affine[1]"], "in the order of the graph"
    page.locator(".layer").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".frame").count() == 1
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true", "the focus stays"
    page.keyboard.press(" ")
    assert page.locator(".frame").count() == 0


def test_layers_open_and_close(network_page):
    page = network_page
    assert page.locator(".layer").count() == 3
    assert page.locator(".op").count() == 1
    page.locator(".layer", has_text="Relu").click()
    assert [t.strip() for t in page.locator(".frame").all_text_contents()] == ["Relu"]
    assert page.locator(".layer").count() == 2
    assert page.locator(".op").count() == 3
    page.locator(".frame text").click()
    assert page.locator(".frame").count() == 0
    page.get_by_role("button", name="Open all layers").click()
    assert page.locator(".frame").count() == 3
    assert page.locator(".layer").count() == 0
    page.get_by_role("button", name="Close all layers").click()
    assert page.locator(".layer").count() == 3


def test_opening_a_layer_keeps_the_place(network_page):
    page = network_page
    page.locator("#slider").fill("2")
    assert "Relu" in heading(page)
    page.locator(".layer", has_text="Relu").click()
    assert page.locator(".now rect").count() >= 1
    assert page.locator(".now:not(.link)").get_attribute("class").startswith("op")
    page.get_by_role("button", name="Close all layers").click()
    assert "Relu" in heading(page)


def test_a_backward_step_of_an_array_shows_the_rule_and_what_is_summed(network_page, network):
    page = network_page
    page.get_by_role("button", name="Open all layers").click()
    found = []
    for _ in range(int(page.locator("#slider").get_attribute("max"))):
        page.keyboard.press("ArrowRight")
        found.append(page.locator("#step").inner_text())
    text = "\n".join(found)
    assert "g @ b.T" in text
    assert "a.T @ g" in text
    assert "summed to the shape (3,)" in text
    assert "is read 2 times" in text


def test_every_step_is_announced(apple_page):
    page = apple_page
    region = page.locator("#step")
    assert region.get_attribute("aria-live") == "polite"
    page.keyboard.press("End")
    text = region.inner_text()
    assert "upstream" in text
    assert "local" in text
    assert page.locator("#slider").get_attribute("aria-valuetext") == "Step 4 of 4"
    assert page.locator("#figure svg > title").text_content() == "Two apples"
    assert "2 operations" in page.locator("#figure svg > desc").text_content()
    for button in page.locator("button:visible").all():
        assert (button.get_attribute("aria-label") or button.inner_text()).strip()


def contrast(first, second):
    def luminance(colour):
        parts = [int(v) / 255 for v in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


COLOURS = """() => {
  const of = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
  return {
    ground: of("body", "backgroundColor"), box: of(".op rect", "fill"), layer: of(".layer rect", "fill"),
    text: of(".op text", "fill"), forward: of(".forward text", "fill"), small: of(".forward text.small", "fill"),
    gradient: of(".gradient text", "fill"), page: of("h1", "color"), note: of(".note", "color"),
    name: of(".layer text", "fill"), count: of("#count", "color"),
  };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read_in_light_and_dark(network, tmp_path, open_page, scheme):
    draw(network, tmp_path / "a.html")
    seen = open_page(tmp_path / "a.html", color_scheme=scheme).evaluate(COLOURS)
    ground = seen.pop("ground")
    assert (contrast(ground, "rgb(255, 255, 255)") < 1.5) == (scheme == "light")
    box, layer = seen.pop("box"), seen.pop("layer")
    for name, colour in seen.items():
        behind = {"text": box, "name": layer}.get(name, ground)
        assert contrast(colour, behind) >= 4.5, f"{name}: WCAG 2.2, 1.4.3"
    assert seen["gradient"] != seen["forward"]


def test_on_paper_the_whole_figure_and_all_steps(apples, tmp_path, open_page):
    draw(apples, tmp_path / "a.html")
    page = open_page(tmp_path / "a.html", color_scheme="dark")
    page.keyboard.press("ArrowRight")
    page.emulate_media(media="print")
    assert not page.locator(".controls").is_visible()
    assert page.locator("#transcript li").count() == 4
    assert page.locator("#transcript").is_visible()
    assert shown(page, "#figure .gradient text") == ["2.2", "110", "1.1", "200", "1"], "on paper nothing waits"
    colours = page.evaluate(
        "() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert page.pdf()[:4] == b"%PDF"


def test_without_scripts_the_figure_and_the_steps_are_there(apples, tmp_path, open_page):
    draw(apples, tmp_path / "a.html")
    page = open_page(tmp_path / "a.html", java_script_enabled=False)
    assert page.locator("#figure svg").is_visible()
    assert page.locator("#transcript li").count() == 4
    assert page.locator("#transcript").is_visible()
    assert not page.locator(".controls").is_visible()


def test_a_phone_shows_it_too(network, tmp_path, open_page):
    draw(network, tmp_path / "a.html")
    page = open_page(tmp_path / "a.html", width=360, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "only the figure scrolls sideways"


def test_a_step_out_of_sight_is_scrolled_to(tmp_path, open_page):
    from test_draw import chain

    run = chain(100).run(1.0)
    run.backward()
    draw(run, tmp_path / "a.html")
    page = open_page(tmp_path / "a.html", height=500)
    page.locator("#slider").fill("90")
    box, figure = page.locator(".now:not(.link)").bounding_box(), page.locator("#figure").bounding_box()
    assert figure["x"] <= box["x"] <= figure["x"] + figure["width"]
    assert figure["y"] <= box["y"] <= figure["y"] + figure["height"]


def test_a_notebook_shows_the_figure_and_the_stepper_in_a_frame(apples, tmp_path, open_page):
    (tmp_path / "cell.html").write_text(
        f"<!doctype html><meta charset='utf-8'>{apples._repr_html_()}", encoding="utf-8"
    )
    page = open_page(tmp_path / "cell.html")
    assert page.locator("svg").first.is_visible()
    page.locator("summary").click()
    inside = page.frame_locator("iframe")
    inside.get_by_role("button", name="One step on").click()
    assert inside.locator("#count").inner_text() == "1 / 4"


def test_a_missing_browser_fails_in_ci_and_is_a_skip_elsewhere():
    code = "import conftest, pytest\nconftest.CHROMIUM = '/nowhere'\ntry:\n    next(conftest.chromium.__wrapped__())\n"
    code += "except BaseException as error:\n    print(type(error).__name__, error)\n"
    for ci, wanted in (("true", "Failed"), ("", "Skipped")):
        environment = {**os.environ, "CI": ci}
        folder = os.path.dirname(__file__)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=environment, check=True
        )
        assert done.stdout.startswith(wanted)
        assert "apt-get install chromium" in done.stdout


def test_a_graph_without_values_is_walked_forward_only(network, tmp_path, open_page):
    draw(network.graph, tmp_path / "a.html")
    page = open_page(tmp_path / "a.html")
    assert "shape" in page.locator(".legend").inner_text()
    page.keyboard.press("End")
    assert heading(page).startswith("Forward")
    page.get_by_role("button", name="Open all layers").click()
    assert step(page).endswith(f"/ {sum(node.op not in ('input', 'constant') for node in network.graph.nodes)}")


def test_only_what_can_be_opened_is_offered_to_be(network, tmp_path, open_page):
    from test_draw import chain

    from backhand.graph.graph import Layer

    draw(network, tmp_path / "a.html")
    page = open_page(tmp_path / "a.html")
    page.keyboard.press("ArrowRight")
    assert page.locator("#step .hint").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".hint").first.is_visible(), "paper can't be opened"
    assert "open it" not in page.locator("#transcript").inner_text()
    large = chain(10_000, lambda i: Layer("Affine", i // 1000, "forward", 0)).run(1.0)
    large.backward()
    draw(large, tmp_path / "b.html")
    page = open_page(tmp_path / "b.html")
    page.keyboard.press("End")
    assert "Affine[0]" in page.locator("#step").inner_text()
    assert "open it" not in page.content().split("<script>")[0] + page.locator("#step").inner_text()
