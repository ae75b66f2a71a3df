import { useCallback, useEffect, useState } from "react";

import { CHECKING, readStatus } from "./status.js";

export const REFRESH_SECONDS = 10;

/** The latest status, read at once and then every REFRESH_SECONDS; `refresh` reads it now. */
export function useStatus() {
  const [status, setStatus] = useState(CHECKING);
  const [round, setRound] = useState(0);
  const refresh = useCallback(() => setRound((n) => n + 1), []);

  useEffect(() => {
    let current = true;
    let timer;
    readStatus().then((latest) => {
      if (!current) return;
      setStatus(latest);
      timer = setTimeout(refresh, REFRESH_SECONDS * 1000);
    });
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [round, refresh]);

  return { status, refresh };
}
