import { REFRESH_SECONDS, useStatus } from "./useStatus.js";

const HEADLINES = {
  checking: "Checking…",
  healthy: "Everything is running",
  unhealthy: "The backend is not healthy",
  unreachable: "The backend cannot be reached",
};

export function App() {
  const { status, refresh } = useStatus();
  const { frontend, backend, checkedAt } = status;
  return (
    <main className="page">
      <header className="header">
        <img className="logo" src="/favicon.svg" alt="" width="44" height="44" />
        <div>
          <h1>Spryte</h1>
          <p className="headline" role="status">
            {frontend.problem ? "The frontend cannot read its configuration" : HEADLINES[backend.status]}
          </p>
        </div>
      </header>

      <div className="cards">
        <Card name="Frontend" id="frontend" facts={frontend} state={frontendState(status)} detail={frontend.problem} />
        <Card name="Backend" id="backend" facts={backend} state={backend.status} detail={backend.detail} />
      </div>

      <footer className="footer">
        <span>
          {checkedAt ? (
            <>
              Checked at <time dateTime={checkedAt.toISOString()}>{checkedAt.toLocaleTimeString()}</time>, and every{" "}
              {REFRESH_SECONDS} seconds.
            </>
          ) : (
            "Checking for the first time."
          )}
        </span>
        <button type="button" onClick={refresh}>
          Check now
        </button>
      </footer>
    </main>
  );
}

function frontendState({ frontend, checkedAt }) {
  if (!checkedAt) return "checking";
  return frontend.problem ? "unhealthy" : "healthy";
}

function Card({ name, id, facts, state, detail }) {
  return (
    <section className={`card ${state}`} aria-labelledby={`${id}-name`}>
      <div className="card-head">
        <h2 id={`${id}-name`}>{name}</h2>
        <span className="pill" data-testid={`${id}-status`}>
          {state}
        </span>
      </div>
      <dl>
        <Fact label="Version" testId={`${id}-version`} value={facts.version} />
        <Fact label="Commit" testId={`${id}-commit`} value={facts.commit} />
      </dl>
      {detail && <p className="detail">{detail}</p>}
    </section>
  );
}

function Fact({ label, testId, value }) {
  return (
    <div className="fact">
      <dt>{label}</dt>
      <dd data-testid={testId} title={value ?? undefined}>
        {value ?? "—"}
      </dd>
    </div>
  );
}
