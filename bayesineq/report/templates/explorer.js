(async function () {
  "use strict";
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const find = (id) => document.getElementById("explorer-" + id);
  const controls = { area: find("area"), show: find("show"), cut: find("cut"), dim: find("dim") };
  const estimate = (area) => area.words.mean + " (" + area.words.lower + " to " + area.words.upper + ")";
  const chance = (share) => (share >= 100 ? "more than 99%" : share <= 0 ? "less than 1%" : share + "%");
  const features = data.areas.map((area, k) => ({
    type: "Feature", geometry: data.shapes[k], ...area,
    said: area.mean === null ? "no estimate" : estimate(area),
  }));
  const byCode = new Map(data.areas.map((area) => [area.code, area]));
  const options = { actions: false, logLevel: 1, ast: true, renderer: "canvas", tooltip: { theme: "custom" } };
  const started = (spec, values) => ({
    ...spec, params: spec.params.map((param) => (param.name in values ? { ...param, value: values[param.name] } : param)),
  });
  const first = { palette: data.palette, edges: data.edges, cut: data.start, dim: controls.dim.value };
  const [map, groups] = await Promise.all([
    vegaEmbed("#explorer-map", { ...started(data.specs.map, first), datasets: { areas: features } }, options),
    vegaEmbed("#explorer-groups", { ...started(data.specs.groups, first), datasets: { groups: data.groups } }, options),
  ]);
  const state = { level: "" };

  function row(name, value) {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    const cell = document.createElement("td");
    head.scope = "row";
    head.textContent = name;
    cell.textContent = value;
    line.append(head, cell);
    return line;
  }

  function tell() {
    const cut = Number(controls.cut.value);
    const limit = data.thresholds[cut];
    const known = data.areas.filter((area) => area.mean !== null);
    const sure = known.filter((area) => area.above[cut] >= 95).length;
    find("limit").textContent = limit;
    controls.cut.setAttribute("aria-valuetext", limit);
    find("count").textContent = sure + " of " + known.length + " areas are above " + limit + " with a probability of 95% or more.";
    const body = find("table");
    const area = byCode.get(controls.area.value);
    body.replaceChildren();
    if (!area || area.mean === null) {
      body.append(row("Area", "none chosen"));
      return;
    }
    body.append(
      row("Area", area.name + " (" + area.code + ")"),
      row("Estimate (" + data.level + " interval)", estimate(area)),
      row("Probability of being above " + limit, chance(area.above[cut])),
    );
    const own = data.groups.find((group) => group.dim === data.linked && group.level === area.level);
    if (own) body.append(row("Deprivation group of the area", own.label), row("Estimate of that group", own.said));
  }

  async function draw() {
    map.view.signal("level", state.level);
    groups.view.signal("level", controls.dim.value === data.linked ? state.level : "");
    map.view.signal("chosen", controls.area.value).signal("show", controls.show.value);
    map.view.signal("cut", Number(controls.cut.value));
    groups.view.signal("dim", controls.dim.value);
    groups.view.height(26 * data.groups.filter((group) => group.dim === controls.dim.value).length);
    for (const list of document.querySelectorAll("[data-legend]")) list.hidden = list.dataset.legend !== controls.show.value;
    tell();
    await Promise.all([map.view.runAsync(), groups.view.runAsync()]);
    document.getElementById("explorer").dataset.state = [controls.area.value, state.level, controls.show.value, controls.cut.value, controls.dim.value].join("|");
  }

  function choose(code) {
    const area = byCode.get(code);
    controls.area.value = area && area.mean !== null ? code : "";
    state.level = area && area.level ? area.level : "";
    return draw();
  }

  map.view.addEventListener("click", (event, item) => choose(item && item.datum ? item.datum.code : ""));
  groups.view.addEventListener("click", (event, item) => {
    if (!item || !item.datum || item.datum.dim !== data.linked) return;
    state.level = state.level === item.datum.level ? "" : item.datum.level;
    draw();
  });
  controls.area.addEventListener("change", () => choose(controls.area.value));
  controls.cut.addEventListener("input", () => { controls.show.value = "probability"; draw(); });
  for (const control of [controls.show, controls.dim]) control.addEventListener("change", draw);
  find("panel").hidden = false;
  await draw();
  window.dispatchEvent(new Event("resize"));
})();
