// A bar for each hour: its requests, and its visitors in front of them.
const WIDTH = 24, HEIGHT = 120, FOOT = 16;

/** As SVG. */
export function chart(hours) {
  const most = Math.max(...hours.map(({ requests }) => requests));
  const bar = (at, count, fill) => {
    const height = (count / most) * HEIGHT;
    return `<rect x="${at * WIDTH + 2}" y="${(HEIGHT - height).toFixed(1)}" width="${WIDTH - 4}" height="${height.toFixed(1)}" fill="${fill}"/>`;
  };
  const label = (at, hour) => `<text x="${at * WIDTH + WIDTH / 2}" y="${HEIGHT + FOOT - 4}" text-anchor="middle">${hour.slice(0, 2)}</text>`;
  const bars = hours.map(({ hour, requests, visitors }, at) =>
    `<g><title>${hour}: ${requests} requests, ${visitors} visitors</title>${bar(at, requests, "#9db8d9")}${bar(at, visitors, "#2f5d94")}${label(at, hour)}</g>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${hours.length * WIDTH} ${HEIGHT + FOOT}" font-family="sans-serif" font-size="10">`,
    ...bars,
    "</svg>",
  ].join("\n");
}
