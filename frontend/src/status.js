// Less than the interval between two readings, so that readings never overlap.
const ANSWER_WITHIN_MS = 5000;

export const CHECKING = {
  frontend: { version: null, commit: null, problem: null },
  backend: { status: "checking", version: null, commit: null, detail: "Waiting for the first answer." },
  checkedAt: null,
};

/** Reads this container's configuration and then the health of the backend that it names. */
export async function readStatus() {
  const frontend = await readConfig();
  const backend = await readBackend(`${frontend.apiUrl}/api/health`);
  return { frontend, backend, checkedAt: new Date() };
}

async function readConfig() {
  try {
    const { body } = await get("/config.json");
    const { apiUrl, version, commit } = body;
    return { apiUrl, version, commit, problem: null };
  } catch (error) {
    return { apiUrl: "", version: null, commit: null, problem: `/config.json: ${reason(error)}` };
  }
}

async function readBackend(url) {
  try {
    const { response, body } = await get(url);
    if (body.service !== "backend") return unreachable("Something other than the backend answered.");
    const healthy = response.ok && body.status === "ok";
    return {
      status: healthy ? "healthy" : "unhealthy",
      version: body.version ?? null,
      commit: body.commit ?? null,
      detail: healthy ? null : `It reports “${body.status}” (HTTP ${response.status}).`,
    };
  } catch (error) {
    return unreachable(reason(error));
  }
}

function unreachable(detail) {
  return { status: "unreachable", version: null, commit: null, detail };
}

async function get(url) {
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  try {
    // Spread, so that a body which is JSON but no object has no members instead of raising later.
    return { response, body: { ...(await response.json()) } };
  } catch (error) {
    if (error.name === "TimeoutError") throw error;
    throw new Error(`HTTP ${response.status}, and no JSON in it.`);
  }
}

function reason(error) {
  if (error.name === "TimeoutError") return `No answer within ${ANSWER_WITHIN_MS / 1000} seconds.`;
  if (error instanceof TypeError) return "No connection.";
  return error.message;
}
