(async function () {
  "use strict";
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const find = (id) => document.getElementById("explorer-" + id);
  const controls = { part: find("part"), area: find("area"), show: find("show"), cut: find("cut"), dim: find("dim") };
  const digits = { minimumFractionDigits: data.places, maximumFractionDigits: data.places };
  const write = (value) => (value + 0).toLocaleString("en-GB", digits).replace("-", "\u2212") + data.suffix;
  const estimate = (area) => area.mean === null ? "no estimate" : write(area.mean) + " (" + write(area.lower) + " to " + write(area.upper) + ")";
  const chance = (share) => (share >= 100 ? "more than 99%" : share <= 0 ? "less than 1%" : share + "%");
  const full = (area) => (area.name === area.code ? area.name : area.name + " (" + area.code + ")");

  // Each point is written as the step from the one before.
  function ring(steps) {
    const points = [];
    for (let k = 0, x = 0, y = 0; k < steps.length; k += 2) points.push([(x += steps[k]), (y += steps[k + 1])]);
    return points;
  }

  function areasOf(view) {
    return view.code.map((code, k) => {
      const numbers = view.estimate[k];
      const [mean, lower, upper] = numbers || [null, null, null];
      const area = { code, name: view.named[k], level: view.level[k], mean, lower, upper, tone: view.tone[k], above: view.above[k] };
      const own = view.crude ? view.crude[k] : null;
      area.crude = own ? estimate({ mean: own[0], lower: own[1], upper: own[2] }) : "";
      const coordinates = view.shape[k].map((polygon) => polygon.map(ring));
      return { type: "Feature", geometry: { type: "MultiPolygon", coordinates }, ...area, said: estimate(area) };
    });
  }

  const state = { level: "", areas: areasOf(data.views[0]), byCode: new Map() };
  const options = { actions: false, logLevel: 1, ast: true, renderer: "canvas", tooltip: { theme: "custom" } };
  const started = (spec, values) => ({
    ...spec, params: spec.params.map((param) => (param.name in values ? { ...param, value: values[param.name] } : param)),
  });
  const first = { palette: data.palette, edges: data.edges, cut: data.start, dim: controls.dim.value };
  const [map, groups] = await Promise.all([
    vegaEmbed("#explorer-map", { ...started(data.specs.map, first), datasets: { areas: state.areas } }, options),
    vegaEmbed("#explorer-groups", { ...started(data.specs.groups, first), datasets: { groups: data.groups } }, options),
  ]);

  function option(value, text) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = text;
    return made;
  }

  function list() {
    state.byCode = new Map(state.areas.map((area) => [area.code, area]));
    const known = state.areas.filter((area) => area.mean !== null);
    known.sort((a, b) => a.name.localeCompare(b.name, "en-GB", { numeric: true }) || (a.code < b.code ? -1 : 1));
    controls.area.replaceChildren(option("", "none"), ...known.map((area) => option(area.code, full(area))));
  }

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
    const known = state.areas.filter((area) => area.mean !== null);
    const sure = known.filter((area) => area.above[cut] >= 95).length;
    const kind = controls.part && Number(controls.part.value) === 0 ? " parts " : " areas ";
    find("limit").textContent = limit;
    controls.cut.setAttribute("aria-valuetext", limit);
    find("count").textContent = sure.toLocaleString("en-GB") + " of " + known.length.toLocaleString("en-GB") + kind + (sure === 1 ? "is above " : "are above ") + limit + " with a probability of 95% or more.";
    const body = find("table");
    const area = state.byCode.get(controls.area.value);
    body.replaceChildren();
    if (!area || area.mean === null) {
      body.append(row("Area", "none chosen"));
      return;
    }
    body.append(
      row("Area", full(area)),
      row((data.held ? "Adjusted, at the same " + data.held : "Estimate") + " (" + data.level + " interval)", estimate(area)),
      ...(area.crude ? [row("Crude (" + data.level + " interval)", area.crude)] : []),
      row("Probability of being above " + limit, chance(area.above[cut])),
    );
    const own = data.groups.find((group) => group.dim === data.linked && group.level === area.level);
    if (own) body.append(row("Deprivation group of the area", own.label), row((own.crude ? "Adjusted estimate" : "Estimate") + " of that group", own.said));
    if (own && own.crude) body.append(row("Crude estimate of that group", own.crude));
  }

  async function draw() {
    map.view.signal("level", state.level);
    groups.view.signal("level", controls.dim.value === data.linked ? state.level : "");
    const overview = controls.part && Number(controls.part.value) === 0;
    const shown = overview && controls.show.value === "estimate" ? "parts" : controls.show.value;
    map.view.signal("chosen", controls.area.value).signal("show", shown);
    map.view.signal("cut", Number(controls.cut.value));
    groups.view.signal("dim", controls.dim.value);
    groups.view.height(26 * data.groups.filter((group) => group.dim === controls.dim.value).length);
    for (const legend of document.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== shown;
    tell();
    await Promise.all([map.view.runAsync(), groups.view.runAsync()]);
    const part = controls.part ? controls.part.value : "0";
    document.getElementById("explorer").dataset.state = [controls.area.value, state.level, controls.show.value, controls.cut.value, controls.dim.value, part].join("|");
  }

  function choose(code) {
    const area = state.byCode.get(code);
    controls.area.value = area && area.mean !== null ? code : "";
    state.level = area && area.level ? area.level : "";
    return draw();
  }

  function open(part) {
    state.areas = areasOf(data.views[part]);
    list();
    map.view.data("areas", state.areas);
    return choose("");
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
  if (controls.part) controls.part.addEventListener("change", () => open(Number(controls.part.value)));
  find("panel").hidden = false;
  list();
  await draw();
  window.dispatchEvent(new Event("resize"));
})();
